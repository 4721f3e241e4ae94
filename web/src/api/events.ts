// The event socket: opened with a ticket, opened again when it breaks, each time with a longer pause.
import { post } from './client'
import type { PlatformEvent } from './types'

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 15000

export class EventStream {
  private socket: WebSocket | null = null
  private timer: number | undefined
  private pause = FIRST_PAUSE_MS
  private closed = false

  constructor(
    private readonly types: string[],
    private readonly onEvent: (event: PlatformEvent) => void,
    // After a gap nobody knows what was missed: the page reads its state anew.
    private readonly onOpen: () => void,
    private readonly onLost: () => void,
  ) {
    void this.open()
  }

  close(): void {
    this.closed = true
    window.clearTimeout(this.timer)
    this.socket?.close()
  }

  private async open(): Promise<void> {
    if (this.closed) return
    try {
      const { ticket } = await post<{ ticket: string }>('/api/v1/auth/ticket')
      if (this.closed) return
      const query = new URLSearchParams({ ticket, types: this.types.join(',') })
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
      this.socket = new WebSocket(`${scheme}://${location.host}/api/v1/events?${query}`)
    } catch {
      this.retry()
      return
    }
    this.socket.onopen = () => {
      this.pause = FIRST_PAUSE_MS
      this.onOpen()
    }
    this.socket.onmessage = (message) => this.onEvent(JSON.parse(message.data as string))
    this.socket.onclose = () => this.retry()
  }

  private retry(): void {
    if (this.closed) return
    this.onLost()
    this.timer = window.setTimeout(() => void this.open(), this.pause)
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS)
  }
}
