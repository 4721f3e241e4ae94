// WebSocket-FLV for mpegts.js: its own loader keeps neither the reason of the closing, which says
// why the picture ended, nor the number of bytes, which says how much a picture costs.
import mpegts from 'mpegts.js'

import type { Closing } from './player'

const IDLE = 0
const CONNECTING = 1
const BUFFERING = 2
const COMPLETE = 4

export class FlvSocket extends mpegts.BaseLoader {
  // mpegts.js makes the loader itself; these are set by the class made for one player.
  static forPlayer(onBytes: (count: number) => void, onClose: (closing: Closing) => void) {
    return class extends FlvSocket {
      protected readonly onBytes = onBytes
      protected readonly onClose = onClose
    }
  }

  protected readonly onBytes: (count: number) => void = () => undefined
  protected readonly onClose: (closing: Closing) => void = () => undefined
  private socket: WebSocket | null = null
  private received = 0

  constructor() {
    super('flv-socket')
    this._needStash = false
  }

  override open(source: { url: string }): void {
    const socket = (this.socket = new WebSocket(source.url))
    socket.binaryType = 'arraybuffer'
    this._status = CONNECTING
    socket.onopen = () => (this._status = BUFFERING)
    socket.onmessage = (message: MessageEvent<ArrayBuffer>) => {
      const at = this.received
      this.received += message.data.byteLength
      this.onBytes(message.data.byteLength)
      this.onDataArrival?.(message.data, at, this.received)
    }
    socket.onclose = (event) => {
      this._status = COMPLETE
      this.onClose({ clean: event.wasClean && event.code !== 1006, reason: event.reason })
    }
  }

  override abort(): void {
    if (this.socket) {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null
      this.socket.close()
    }
    this.socket = null
    this._status = COMPLETE
  }

  override destroy(): void {
    this.abort()
    super.destroy()
    this._status = IDLE
  }
}
