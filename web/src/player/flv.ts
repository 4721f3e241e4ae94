// One live picture in a <video>: mpegts.js on WebSocket-FLV, which has no limit of six per origin.
import mpegts from 'mpegts.js'

export type PlayerNews =
  | { kind: 'playing' }
  | { kind: 'ended' }
  | { kind: 'failed'; code: 'network' | 'codec'; detail: string }

mpegts.LoggingControl.applyConfig({ enableAll: false, enableError: true })

export function canPlay(codec: string): boolean {
  const type = codec === 'h265' ? 'hvc1.1.6.L120.90' : 'avc1.640028'
  return 'MediaSource' in window && MediaSource.isTypeSupported(`video/mp4; codecs="${type}"`)
}

export class FlvPlayer {
  private readonly player: mpegts.Player

  constructor(
    private readonly video: HTMLVideoElement,
    url: string,
    hasAudio: boolean,
    private readonly onNews: (news: PlayerNews) => void,
  ) {
    this.player = mpegts.createPlayer(
      { type: 'flv', isLive: true, url, hasAudio, hasVideo: true },
      {
        enableWorker: false,
        enableStashBuffer: false,
        liveBufferLatencyChasing: true,
        liveBufferLatencyMaxLatency: 2,
        liveBufferLatencyMinRemain: 0.4,
        autoCleanupSourceBuffer: true,
      },
    )
    this.player.on(mpegts.Events.ERROR, (type: string, detail: string) => {
      const code = type === mpegts.ErrorTypes.NETWORK_ERROR ? 'network' : 'codec'
      onNews({ kind: 'failed', code, detail })
    })
    this.player.on(mpegts.Events.LOADING_COMPLETE, () => onNews({ kind: 'ended' }))
    video.addEventListener('playing', this.playing)
    this.player.attachMediaElement(video)
    this.player.load()
    void this.player.play()?.catch(() => undefined)
  }

  private readonly playing = (): void => this.onNews({ kind: 'playing' })

  destroy(): void {
    this.video.removeEventListener('playing', this.playing)
    this.player.destroy()
  }
}
