// The ways a picture can come in, and the player of each: large, and loaded when it is needed.
import type { LiveStream } from '../api/types'
import type { PlayerClass, Source } from './player'

export type Output = 'flv' | 'fmp4' | 'hls' | 'whep'

export const OUTPUTS: readonly Output[] = ['flv', 'fmp4', 'hls', 'whep']

const KEPT = 'gb28181.output'

export function keptOutput(): Output {
  const kept = localStorage.getItem(KEPT) as Output
  return OUTPUTS.includes(kept) ? kept : 'flv'
}

export function keepOutput(output: Output): void {
  localStorage.setItem(KEPT, output)
}

export async function loadPlayer(output: Output = keptOutput()): Promise<PlayerClass> {
  if (output === 'whep') return (await import('./whep')).WhepPlayer
  if (output === 'hls') return (await import('./hls')).HlsPlayer
  if (output === 'fmp4') return (await import('./fmp4')).Fmp4Player
  return (await import('./flv')).FlvPlayer
}

// WebRTC carries what every browser decodes, and nothing is made for it.
export function offers(stream: LiveStream, output: Output): boolean {
  return output !== 'whep' || (stream.urls.whep !== null && stream.video?.codec === 'h264')
}

// Sound that has to be made is asked for only while it is heard.
export function sourceOf(stream: LiveStream, output: Output, heard: boolean): Source {
  const { urls } = stream
  const url = { flv: urls.ws_flv, fmp4: urls.ws_fmp4, hls: urls.hls, whep: urls.whep ?? '' }[output]
  if (output === 'whep') return { url, hasAudio: heard && (stream.camera_audio?.codec ?? '').startsWith('g711') }
  const hasAudio = stream.audio !== null || (heard && stream.made_audio !== null)
  return { url: `${url}&audio=${hasAudio ? (stream.audio ? 'auto' : 'aac') : 'off'}`, hasAudio }
}
