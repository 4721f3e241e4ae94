// Keeps a live picture close to now and smooth: the first frame is shown at once, playing begins when
// a little is in hand, then it plays slightly faster or slower, and jumps only when far behind.

// What is in hand in front of the frame that is shown, in seconds.
const AIM_S = 0.35
const LOW_S = 0.15
const HIGH_S = 0.8
const FAR_S = 3
const FRAME_S = 0.02
const LOOK_MS = 40
// A camera with one frame a second never has more in hand.
const LONGEST_HOLD_MS = 1000

export class Pace {
  private readonly timer: number
  // Where the data ended when the picture was held, and since when there is more.
  private heldAt = 0
  private moreSince: number | null = null

  constructor(private readonly video: HTMLVideoElement) {
    this.timer = window.setInterval(() => this.look(), LOOK_MS)
    video.addEventListener('waiting', this.hold)
    this.hold()
  }

  stop(): void {
    window.clearInterval(this.timer)
    this.video.removeEventListener('waiting', this.hold)
    this.video.playbackRate = 1
  }

  get ahead(): number {
    return this.end - this.video.currentTime
  }

  private get end(): number {
    const { buffered, currentTime } = this.video
    return buffered.length ? buffered.end(buffered.length - 1) : currentTime
  }

  private readonly hold = (): void => {
    if (this.video.seeking) return
    this.video.pause()
    this.heldAt = this.end
    this.moreSince = null
  }

  private look(): void {
    const { video, ahead } = this
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || video.seeking) return
    if (video.paused) this.release(ahead)
    else if (ahead > FAR_S) this.jump()
    else if (ahead > HIGH_S) video.playbackRate = 1.15
    else if (ahead < LOW_S) video.playbackRate = 0.95
    else if ((ahead - AIM_S) * (video.playbackRate - 1) <= 0) video.playbackRate = 1
  }

  private release(ahead: number): void {
    if (this.end <= this.heldAt) return
    const now = performance.now()
    this.moreSince ??= now
    // A stream that runs already begins with the frames since its last key frame, and one that came
    // back begins after a gap: go to the newest at once, while little has to be decoded for it.
    if (ahead > HIGH_S) this.jump()
    else if (ahead >= AIM_S || now - this.moreSince > LONGEST_HOLD_MS) {
      // Refused when the page is left meanwhile; there is nobody to tell.
      this.video.play().catch(() => undefined)
    }
  }

  private jump(): void {
    this.video.currentTime = this.end - FRAME_S
  }
}
