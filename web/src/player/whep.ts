// One live picture in a <video>: WebRTC by WHEP, the least latency; for H.264 and G.711 only.
import type { Meter, Player, PlayerEvents, Source } from './player'

const LOOK_MS = 1000
// Without a picture by then UDP does not get through.
const FIRST_MS = 8000

export class WhepPlayer implements Player {
  private readonly peer = new RTCPeerConnection()
  private readonly looks: number
  private readonly late: number
  private session = ''
  private bytes = 0
  private buffered = 0
  private over = false

  constructor(
    private readonly video: HTMLVideoElement,
    { url, hasAudio }: Source,
    private readonly events: PlayerEvents,
  ) {
    const stream = new MediaStream()
    if (hasAudio) this.peer.addTransceiver('audio', { direction: 'recvonly' })
    this.peer.addTransceiver('video', { direction: 'recvonly' })
    this.peer.ontrack = ({ track }) => stream.addTrack(track)
    this.peer.onconnectionstatechange = () => {
      const { connectionState } = this.peer
      if (connectionState === 'failed') this.broken('ICE')
      else if (connectionState === 'closed' || connectionState === 'disconnected') this.closed('media_stopped')
    }
    video.srcObject = stream
    video.requestVideoFrameCallback(() => window.clearTimeout(this.late))
    this.late = window.setTimeout(() => this.broken('UDP'), FIRST_MS)
    this.looks = window.setInterval(() => void this.look(), LOOK_MS)
    this.open(url).catch((error: unknown) => this.broken(String(error)))
  }

  get meter(): Meter {
    return { bytes: this.bytes, ahead: this.buffered }
  }

  destroy(): void {
    this.over = true
    window.clearInterval(this.looks)
    window.clearTimeout(this.late)
    this.video.srcObject = null
    const close = () => this.peer.close()
    // Told before it is closed: the platform notices by itself, too, and knows it no longer then.
    const live = this.session && this.peer.connectionState === 'connected'
    if (live) fetch(this.session, { method: 'DELETE', keepalive: true }).then(close, close)
    else close()
  }

  private async open(url: string): Promise<void> {
    await this.peer.setLocalDescription(await this.peer.createOffer())
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: this.peer.localDescription!.sdp,
    })
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
    this.session = new URL(answer.headers.get('Location')!, url).href
    if (this.over) return
    await this.peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
    // Refused when the page is left meanwhile; there is nobody to tell.
    this.video.play().catch(() => undefined)
  }

  private async look(): Promise<void> {
    for (const one of (await this.peer.getStats()).values()) {
      if (one.type !== 'inbound-rtp' || one.kind !== 'video') continue
      this.bytes = one.bytesReceived
      this.buffered = one.jitterBufferEmittedCount ? one.jitterBufferDelay / one.jitterBufferEmittedCount : 0
    }
  }

  private broken(detail: string): void {
    if (!this.over) this.events.broken(detail)
  }

  private closed(reason: string): void {
    if (!this.over) this.events.closed({ clean: true, reason })
  }
}
