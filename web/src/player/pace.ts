// Keeps a live picture close to now: plays a little faster or slower, jumps only when far behind.

// What is left in front of the picture that is shown, in seconds.
export const AIM_S = 0.35
const LOW_S = 0.12
const HIGH_S = 0.8
const FAR_S = 3
const EVERY_MS = 200

export class Pace {
  private readonly timer: number

  constructor(private readonly video: HTMLVideoElement) {
    this.timer = window.setInterval(() => this.look(), EVERY_MS)
    video.addEventListener('canplay', this.first, { once: true })
  }

  stop(): void {
    window.clearInterval(this.timer)
    this.video.removeEventListener('canplay', this.first)
    this.video.playbackRate = 1
  }

  get ahead(): number {
    const { buffered, currentTime } = this.video
    return buffered.length ? buffered.end(buffered.length - 1) - currentTime : 0
  }

  // A stream that runs already begins with the pictures since its last key frame.
  private readonly first = (): void => {
    if (this.ahead > HIGH_S) this.jump()
  }

  private look(): void {
    const ahead = this.ahead
    const video = this.video
    if (video.paused || video.seeking || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return
    if (ahead > FAR_S) this.jump()
    else if (ahead > HIGH_S) video.playbackRate = 1.15
    else if (ahead < LOW_S) video.playbackRate = 0.92
    else if ((ahead - AIM_S) * (video.playbackRate - 1) <= 0) video.playbackRate = 1
  }

  private jump(): void {
    const { buffered } = this.video
    this.video.currentTime = buffered.end(buffered.length - 1) - AIM_S
  }
}
