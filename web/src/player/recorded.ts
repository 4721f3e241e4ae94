// The course of one recording of the platform: called, shown, moved about in, over.
import { reactive, type Ref } from 'vue'

import { ApiError, get, post, remove } from '../api/client'
import type { Channel, LiveStream } from '../api/types'
import { canPlay } from './live'
import { loadPlayer, sourceOf } from './outputs'
import type { Player } from './player'

export type RecordedState = 'idle' | 'opening' | 'playing' | 'paused' | 'ended' | 'failed'

interface Standing {
  start: string
  position_s: number
  speed: number
  paused: boolean
}

const LOOK_MS = 500

export class RecordedPicture {
  readonly shown = reactive({
    state: 'idle' as RecordedState,
    // Where it is, in milliseconds of UNIX time.
    at: null as number | null,
    speed: 1,
    // A key of the texts, and what the platform said.
    failure: '',
    message: '',
  })
  private player: Player | null = null
  private session = ''
  private start = 0
  private run = 0
  private looks: number | undefined

  constructor(private readonly video: Ref<HTMLVideoElement | undefined>) {}

  // One stream for the whole span, so that every place of it is one jump away.
  async play(channel: Channel, span: [number, number], at: number): Promise<void> {
    this.stop()
    const mine = this.run
    this.shown.state = 'opening'
    this.shown.at = at
    try {
      const code = loadPlayer('flv')
      const stream = await post<LiveStream>(`/api/v1/channels/${channel.channel_id}/playback`, {
        start: new Date(span[0]).toISOString(),
        end: new Date(span[1]).toISOString(),
        source: 'platform',
      })
      if (mine !== this.run) {
        await remove(`/api/v1/sessions/${stream.session_id}`)
        return
      }
      this.session = stream.session_id
      this.start = span[0]
      if (stream.video && !canPlay(stream.video.codec)) {
        this.fail('codec', stream.video.codec.toUpperCase())
        return
      }
      if (this.shown.speed !== 1) await this.ask('speed', { speed: this.shown.speed })
      if (at > span[0]) await this.ask('seek', { position_s: (at - span[0]) / 1000 })
      const Flv = await code
      const video = this.video.value
      if (mine !== this.run || !video) return
      this.player = new Flv(video, sourceOf(stream, 'flv', true), {
        closed: ({ clean, reason }) => mine === this.run && this.closed(clean ? reason : 'network'),
        broken: (message) => mine === this.run && this.fail('codec', message),
      })
      video.requestVideoFrameCallback(() => {
        if (mine === this.run && this.shown.state === 'opening') this.shown.state = 'playing'
      })
      this.looks = window.setInterval(() => void this.look(), LOOK_MS)
    } catch (error) {
      if (mine === this.run) this.failed(error)
    }
  }

  get runs(): boolean {
    return this.player !== null
  }

  pause(): Promise<void> {
    return this.control('pause')
  }

  resume(): Promise<void> {
    return this.control('resume')
  }

  seek(at: number): Promise<void> {
    this.shown.at = at
    return this.control('seek', { position_s: Math.max(0, at - this.start) / 1000 })
  }

  async setSpeed(speed: number): Promise<void> {
    this.shown.speed = speed
    if (this.runs) await this.control('speed', { speed })
  }

  // Over because whoever looked wants no more of it.
  stop(): void {
    const session = this.session
    this.release()
    Object.assign(this.shown, { state: 'idle', at: null, failure: '', message: '' })
    // It would end by itself, but counts until then.
    if (session) void remove(`/api/v1/sessions/${session}`).catch(() => undefined)
  }

  private async control(action: string, more: object = {}): Promise<void> {
    const mine = this.run
    try {
      await this.ask(action, more)
    } catch (error) {
      if (mine === this.run) this.failed(error)
    }
  }

  private async ask(action: string, more: object): Promise<void> {
    this.take(await post<Standing>(`/api/v1/sessions/${this.session}/control`, { action, ...more }))
  }

  private async look(): Promise<void> {
    const mine = this.run
    try {
      const standing = await get<Standing>(`/api/v1/sessions/${this.session}/playback`)
      if (mine === this.run) this.take(standing)
    } catch {
      // The stream says by itself how it ended.
    }
  }

  private take(standing: Standing): void {
    this.shown.at = Date.parse(standing.start) + standing.position_s * 1000
    this.shown.speed = standing.speed
    if (this.player) this.shown.state = standing.paused ? 'paused' : 'playing'
  }

  private closed(reason: string): void {
    if (reason === 'finished') {
      this.release()
      this.shown.state = 'ended'
    } else this.fail(reason === 'network' ? 'network' : 'other', reason)
  }

  private failed(error: unknown): void {
    if (!(error instanceof ApiError)) return this.fail('other', String(error))
    const known: Record<string, string> = {
      recording_unknown: 'nothing',
      playbacks_exhausted: 'busy',
      forbidden: 'forbidden',
      unreachable: 'network',
    }
    this.fail(known[error.code] ?? 'other', error.message)
  }

  private fail(failure: string, message: string): void {
    this.release()
    Object.assign(this.shown, { state: 'failed', failure, message })
  }

  private release(): void {
    this.run += 1
    window.clearInterval(this.looks)
    this.player?.destroy()
    this.player = null
    this.session = ''
  }
}
