// The course of one picture: call, first picture, trouble, failure. What is shown of it is not here.
import { reactive, type Ref } from 'vue'

import { ApiError, post } from '../api/client'
import type { Channel, LiveStream, PlatformEvent, Transport } from '../api/types'
import { keptOutput, loadPlayer, offers, sourceOf, type Output } from './outputs'
import type { Closing, Player, PlayerClass } from './player'

export type State = 'idle' | 'opening' | 'playing' | 'interrupted' | 'stalled' | 'failed'

export interface Failure {
  leg: string
  message?: string
  codec?: string
  sipStatus?: number | null
  requestId?: string | null
}

export interface Figures {
  kbps: number | null
  ahead: number | null
  firstMs: number | null
}

const LOOK_MS = 500
const HICCUP_MS = 700
const STALLED_MS = 2500
const RATE_MS = 2000
// After these the picture is called again when the platform is back.
const PASSING: ReadonlySet<string> = new Set(['network', 'shutdown'])

export function canPlay(codec: string): boolean {
  const type = codec === 'h265' ? 'hvc1.1.6.L120.90' : 'avc1.640028'
  return 'MediaSource' in window && MediaSource.isTypeSupported(`video/mp4; codecs="${type}"`)
}

export class LivePicture {
  readonly shown = reactive({
    state: 'idle' as State,
    stream: null as LiveStream | null,
    failure: null as Failure | null,
    // Why it is played in another way than was chosen.
    instead: '',
    figures: { kbps: null, ahead: null, firstMs: null } as Figures,
  })
  private player: Player | null = null
  private output: Output = keptOutput()
  private listening = false
  private channel: Channel | null = null
  private transport: Transport | undefined
  private run = 0
  private begun = 0
  private session = ''
  private calling = false
  private looks: number | undefined
  private lastTime = -1
  private movedAt = 0
  private rate = { at: 0, bytes: 0 }

  constructor(private readonly video: Ref<HTMLVideoElement | undefined>) {}

  async watch(channel: Channel, transport?: Transport): Promise<void> {
    this.stop()
    const mine = this.run
    this.channel = channel
    this.transport = transport
    this.begun = performance.now()
    this.shown.state = 'opening'
    const code = loadPlayer(this.output)
    code.catch(() => undefined)
    try {
      const path = `/api/v1/channels/${channel.channel_id}/live`
      const wanted = { transport, video: canPlay('h265') ? undefined : 'h264' }
      const stream = await post<LiveStream>(path, wanted)
      const fits = offers(stream, this.output)
      const player = await (fits ? code : loadPlayer('flv'))
      if (mine !== this.run) return
      this.shown.instead = fits ? '' : 'codec'
      this.play(stream, player, fits ? this.output : 'flv')
    } catch (error) {
      if (mine === this.run) this.fail(failureOf(error))
    }
  }

  again(transport?: Transport): void {
    if (this.channel) void this.watch(this.channel, transport ?? this.transport)
  }

  // The way the picture comes in; the running one is begun anew.
  use(output: Output): void {
    this.output = output
    this.again()
  }

  // Sound that is not sent yet has to be asked for.
  listen(heard: boolean): void {
    this.listening = heard
    const stream = this.shown.stream
    if (stream?.made_audio && (!stream.audio || this.output === 'whep')) this.again()
  }

  // The platform can be reached again.
  platformBack(): void {
    if (PASSING.has(this.shown.failure?.leg ?? '')) this.again()
  }

  stop(): void {
    this.run += 1
    this.release()
    Object.assign(this.shown, { state: 'idle', stream: null, failure: null, instead: '' })
    this.shown.figures = { kbps: null, ahead: null, firstMs: null }
  }

  // The viewers of a stream stay while the platform calls again: a new session behind the same
  // stream. What the old one still says is of no interest then.
  heard(event: PlatformEvent): void {
    const { stream_id, session_id, state } = event.data
    if (!this.player || stream_id !== this.shown.stream?.stream_id) return
    if (state === 'inviting') this.session = String(session_id)
    if (session_id === this.session) this.calling = state !== 'running'
  }

  // WebRTC needs UDP from here to the platform, FLV nothing but this page's port.
  private async fallBack(stream: LiveStream): Promise<void> {
    this.release()
    const mine = ++this.run
    const player = await loadPlayer('flv')
    if (mine !== this.run) return
    this.shown.instead = 'network'
    this.play(stream, player, 'flv')
  }

  private play(stream: LiveStream, Player: PlayerClass, output: Output): void {
    const video = this.video.value
    if (!video) return
    this.shown.stream = stream
    if (stream.video && !canPlay(stream.video.codec)) {
      this.fail({ leg: 'browser_codec', codec: stream.video.codec.toUpperCase() })
      return
    }
    this.session = stream.session_id
    this.calling = false
    const mine = this.run
    this.player = new Player(video, sourceOf(stream, output, this.listening), {
      closed: (closing) => mine === this.run && this.fail(endOf(closing)),
      broken: (message) => {
        if (mine !== this.run) return
        if (output === 'whep') void this.fallBack(stream)
        else this.fail({ leg: 'browser_codec', codec: stream.video?.codec.toUpperCase() ?? '', message })
      },
    })
    video.requestVideoFrameCallback(() => {
      if (mine !== this.run) return
      this.shown.figures.firstMs = performance.now() - this.begun
      this.shown.state = 'playing'
    })
    this.rate = { at: performance.now(), bytes: 0 }
    this.lastTime = -1
    this.movedAt = performance.now()
    this.looks = window.setInterval(() => this.look(video), LOOK_MS)
    video.addEventListener('timeupdate', this.onTime)
  }

  private readonly onTime = (): void => {
    if (this.video.value) this.look(this.video.value)
  }

  private look(video: HTMLVideoElement): void {
    const now = performance.now()
    if (video.currentTime !== this.lastTime && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.lastTime = video.currentTime
      this.movedAt = now
      this.shown.state = 'playing'
    } else if (this.shown.state !== 'opening' && !document.hidden) {
      const still = now - this.movedAt
      if (this.calling && still > HICCUP_MS) this.shown.state = 'interrupted'
      else if (still > STALLED_MS && this.shown.state === 'playing') this.shown.state = 'stalled'
    }
    this.measure(now)
  }

  private measure(now: number): void {
    const meter = this.player?.meter
    if (!meter || now - this.rate.at < RATE_MS) return
    const bits = (meter.bytes - this.rate.bytes) * 8
    this.shown.figures.kbps = bits / (now - this.rate.at)
    this.shown.figures.ahead = meter.ahead
    this.rate = { at: now, bytes: meter.bytes }
  }

  private fail(failure: Failure): void {
    this.run += 1
    this.release()
    this.shown.failure = failure
    this.shown.state = 'failed'
  }

  private release(): void {
    window.clearInterval(this.looks)
    this.video.value?.removeEventListener('timeupdate', this.onTime)
    this.player?.destroy()
    this.player = null
  }
}

function endOf(closing: Closing): Failure {
  if (!closing.clean) return { leg: 'network' }
  return { leg: closing.reason || 'media_stopped' }
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof ApiError)) return { leg: 'other', message: String(error) }
  const { message, sipStatus, requestId } = error
  return { leg: error.leg ?? legOf(error.status), message, sipStatus, requestId }
}

function legOf(status: number): string {
  return { 0: 'network', 403: 'forbidden', 404: 'unknown' }[status] ?? 'other'
}
