// Small pictures of channels, asked for while they are on the screen, a few at a time. Asking begins
// no pull: what nobody watches shows its last picture, or none.
import { picture } from '../api/client'

const PARALLEL = 3
const RENEW_MS = 10_000

export interface Frame {
  readonly channelId: string
  shown(image: Blob | null): void
}

class Wall {
  private readonly frames = new Set<Frame>()
  private waiting: Frame[] = []
  private running = 0
  private timer: number | undefined

  // From here on until `hide` the picture of this frame is kept new.
  show(frame: Frame): void {
    this.frames.add(frame)
    this.enqueue(frame)
    this.timer ??= window.setInterval(() => this.renew(), RENEW_MS)
  }

  hide(frame: Frame): void {
    this.frames.delete(frame)
    this.waiting = this.waiting.filter((other) => other !== frame)
    if (this.frames.size) return
    window.clearInterval(this.timer)
    this.timer = undefined
  }

  // The stream of this channel has just begun.
  begun(channelId: string): void {
    for (const frame of this.frames) if (frame.channelId === channelId) this.enqueue(frame)
  }

  private renew(): void {
    if (!document.hidden) this.frames.forEach((frame) => this.enqueue(frame))
  }

  private enqueue(frame: Frame): void {
    if (!this.waiting.includes(frame)) this.waiting.push(frame)
    void this.work()
  }

  private async work(): Promise<void> {
    if (this.running >= PARALLEL) return
    this.running += 1
    for (let frame = this.waiting.shift(); frame; frame = this.waiting.shift()) {
      try {
        const image = await picture(`/api/v1/channels/${frame.channelId}/thumbnail`)
        if (this.frames.has(frame)) frame.shown(image)
      } catch {
        // It stays as it is: what is wrong with the channel shows where one looks at it.
      }
    }
    this.running -= 1
  }
}

export const wall = new Wall()
