// One live picture in a <video>: low-latency HLS, which passes every proxy and costs a second more.
import Hls, { type ErrorData, type FragLoadedData } from 'hls.js'

import type { Meter, Player, PlayerEvents, Source } from './player'

const BACK_S = 30

export class HlsPlayer implements Player {
  private readonly hls: Hls
  private bytes = 0

  constructor(
    private readonly video: HTMLVideoElement,
    { url }: Source,
    events: PlayerEvents,
  ) {
    const hls = (this.hls = new Hls({
      lowLatencyMode: true,
      backBufferLength: BACK_S,
      maxLiveSyncPlaybackRate: 1.15,
      enableWorker: false,
    }))
    hls.on(Hls.Events.FRAG_LOADED, (_event: string, data: FragLoadedData) => {
      this.bytes += data.payload.byteLength
    })
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      // Refused when the page is left meanwhile; there is nobody to tell.
      this.video.play().catch(() => undefined)
    })
    hls.on(Hls.Events.ERROR, (_event: string, data: ErrorData) => {
      if (!data.fatal) return
      if (data.type === Hls.ErrorTypes.NETWORK_ERROR) {
        events.closed({ clean: data.response !== undefined, reason: 'media_stopped' })
      } else events.broken(`${data.details}: ${data.error.message}`)
    })
    hls.attachMedia(video)
    hls.loadSource(url)
  }

  get meter(): Meter {
    const { buffered, currentTime } = this.video
    const end = buffered.length ? buffered.end(buffered.length - 1) : currentTime
    return { bytes: this.bytes, ahead: end - currentTime }
  }

  destroy(): void {
    this.hls.destroy()
  }
}
