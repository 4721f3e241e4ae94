// Runs beside the page's own thread: takes the microphone's samples 128 at a time and hands them on
// as signed 16-bit numbers, 20 ms at once, with the loudest of them for the level meter.
class Capture extends AudioWorkletProcessor {
  constructor() {
    super()
    this.samples = new Int16Array(Math.round(sampleRate * 0.02))
    this.count = 0
    this.peak = 0
  }

  process(inputs) {
    const channel = inputs[0][0]
    if (!channel) return true
    for (const value of channel) {
      const bounded = Math.max(-1, Math.min(1, value))
      this.peak = Math.max(this.peak, Math.abs(bounded))
      this.samples[this.count++] = Math.round(bounded * 32767)
      if (this.count === this.samples.length) this.hand()
    }
    return true
  }

  hand() {
    const pcm = this.samples.slice().buffer
    this.port.postMessage({ pcm, peak: this.peak }, [pcm])
    this.count = 0
    this.peak = 0
  }
}

registerProcessor('capture', Capture)
