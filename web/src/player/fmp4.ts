// One live picture in a <video>: fragmented MP4 over WebSocket straight into a MediaSource.
import { Pace } from './pace'
import type { Meter, Player, PlayerEvents, Source } from './player'

const BACK_S = 30
const SLACK_S = 10

export class Fmp4Player implements Player {
  private readonly source = new MediaSource()
  private readonly address = URL.createObjectURL(this.source)
  private readonly pace: Pace
  private readonly socket: WebSocket
  private buffer: SourceBuffer | null = null
  // What waits for the buffer: media types in front of the header they belong to, and bytes.
  private waiting: (string | ArrayBuffer)[] = []
  private bytes = 0
  private over = false

  constructor(
    private readonly video: HTMLVideoElement,
    { url }: Source,
    private readonly events: PlayerEvents,
  ) {
    this.socket = new WebSocket(`${url}&codecs=1`)
    this.socket.binaryType = 'arraybuffer'
    this.socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
      if (typeof message.data !== 'string') this.bytes += message.data.byteLength
      this.waiting.push(message.data)
      this.append()
    }
    this.socket.onclose = (event) =>
      events.closed({ clean: event.wasClean && event.code !== 1006, reason: event.reason })
    this.source.onsourceopen = () => this.append()
    video.src = this.address
    this.pace = new Pace(video)
  }

  get meter(): Meter {
    return { bytes: this.bytes, ahead: this.pace.ahead }
  }

  destroy(): void {
    this.over = true
    this.pace.stop()
    this.socket.onmessage = this.socket.onclose = null
    this.socket.close()
    URL.revokeObjectURL(this.address)
    this.video.removeAttribute('src')
    this.video.load()
  }

  private append(): void {
    if (this.over || this.source.readyState !== 'open') return
    try {
      while (this.waiting.length && !this.buffer?.updating) {
        const next = this.waiting.shift()!
        if (typeof next === 'string') this.setType(next)
        else this.buffer?.appendBuffer(next)
      }
    } catch (error) {
      this.broken(String(error))
    }
  }

  private setType(mime: string): void {
    if (this.buffer) {
      this.buffer.changeType(mime)
      return
    }
    this.buffer = this.source.addSourceBuffer(mime)
    this.buffer.onupdateend = () => this.updated()
    this.buffer.onerror = () => this.broken('SourceBuffer')
  }

  private updated(): void {
    const { buffer, video } = this
    if (this.over || !buffer || buffer.updating) return
    const { buffered } = buffer
    if (buffered.length) {
      // The times are those of the stream, which may run for days already.
      if (video.currentTime < buffered.start(0)) video.currentTime = buffered.start(0)
      const old = video.currentTime - BACK_S
      if (buffered.start(0) < old - SLACK_S) {
        buffer.remove(0, old)
        return
      }
    }
    this.append()
  }

  private broken(detail: string): void {
    if (!this.over) this.events.broken(detail)
  }
}
