// The microphone of this computer: samples in 20 ms pieces, and why there are none.

export type Missing = 'insecure' | 'denied' | 'missing' | 'broken'

export class NoMicrophone extends Error {
  constructor(readonly why: Missing) {
    super(why)
  }
}

export class Microphone {
  private constructor(
    private readonly stream: MediaStream,
    private readonly context: AudioContext,
    private readonly node: AudioWorkletNode,
  ) {}

  // Browsers give it to pages loaded over https (or from this computer) only.
  static async open(): Promise<Microphone> {
    if (!window.isSecureContext || !navigator.mediaDevices) throw new NoMicrophone('insecure')
    let stream: MediaStream
    try {
      const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
      stream = await navigator.mediaDevices.getUserMedia({ audio })
    } catch (error) {
      throw new NoMicrophone(reasonOf(error))
    }
    const context = new AudioContext()
    try {
      await context.audioWorklet.addModule('/capture.js')
      const node = new AudioWorkletNode(context, 'capture', { numberOfOutputs: 0 })
      context.createMediaStreamSource(stream).connect(node)
      await context.resume()
      return new Microphone(stream, context, node)
    } catch {
      stream.getTracks().forEach((track) => track.stop())
      void context.close()
      throw new NoMicrophone('broken')
    }
  }

  get rate(): number {
    return this.context.sampleRate
  }

  listen(onPiece: (pcm: ArrayBuffer, peak: number) => void): void {
    this.node.port.onmessage = (message: MessageEvent<{ pcm: ArrayBuffer; peak: number }>) =>
      onPiece(message.data.pcm, message.data.peak)
  }

  close(): void {
    this.node.port.onmessage = null
    this.stream.getTracks().forEach((track) => track.stop())
    void this.context.close()
  }
}

function reasonOf(error: unknown): Missing {
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied'
  return name === 'NotFoundError' ? 'missing' : 'broken'
}
