// One live picture in a <video>: mpegts.js on WebSocket-FLV, which has no limit of six per origin.
import mpegts from 'mpegts.js'

import { Pace } from './pace'
import type { Meter, Player, PlayerEvents, Source } from './player'
import { FlvSocket } from './socket'

mpegts.LoggingControl.applyConfig({ enableAll: false })

export class FlvPlayer implements Player {
  private readonly player: mpegts.Player
  private readonly pace: Pace
  private bytes = 0

  constructor(video: HTMLVideoElement, { url, hasAudio }: Source, events: PlayerEvents) {
    const socket = FlvSocket.forPlayer((count) => (this.bytes += count), events.closed)
    this.player = mpegts.createPlayer(
      { type: 'flv', isLive: true, url, hasAudio, hasVideo: true },
      {
        customLoader: socket,
        enableWorker: false,
        enableStashBuffer: false,
        lazyLoad: false,
        autoCleanupSourceBuffer: true,
        autoCleanupMaxBackwardDuration: 30,
        autoCleanupMinBackwardDuration: 10,
      },
    )
    this.player.on(mpegts.Events.ERROR, (_type: string, detail: string, info: { msg?: string }) =>
      events.broken(info?.msg ? `${detail}: ${info.msg}` : detail),
    )
    this.pace = new Pace(video)
    this.player.attachMediaElement(video)
    this.player.load()
  }

  get meter(): Meter {
    return { bytes: this.bytes, ahead: this.pace.ahead }
  }

  destroy(): void {
    this.pace.stop()
    this.player.destroy()
  }
}
