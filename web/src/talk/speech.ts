// The course of one talk: microphone, call, speech, end. What is shown of it is not here.
import { reactive } from 'vue'

import { ApiError, post, remove } from '../api/client'
import type { Channel, Talk } from '../api/types'
import { Microphone, NoMicrophone } from './microphone'

export type State = 'idle' | 'calling' | 'speaking' | 'failed'

export interface Trouble {
  // A key of the console's own words, or both languages as the platform says it.
  key?: string
  zh?: string
  en?: string
}

// The meter falls slowly, as needles do.
const FALL = 0.85
const CLOSED_BY_US = 1000
// A message waits here when the network is slow; speech that is late is left out.
const MOST_WAITING = 64_000

export class Speech {
  readonly shown = reactive({ state: 'idle' as State, level: 0, trouble: null as Trouble | null })
  private run = 0
  private microphone: Microphone | null = null
  private socket: WebSocket | null = null
  private talkId = ''

  async start(channel: Channel): Promise<void> {
    this.stop()
    const mine = this.run
    this.shown.state = 'calling'
    this.shown.trouble = null
    try {
      // First the microphone: nobody is called when there is nobody to speak.
      const microphone = await Microphone.open()
      if (mine !== this.run) return microphone.close()
      this.microphone = microphone
      const talk = await post<Talk>(`/api/v1/channels/${channel.channel_id}/talk`)
      if (mine !== this.run) return void end(talk.talk_id)
      this.talkId = talk.talk_id
      this.speak(talk, microphone)
    } catch (error) {
      if (mine === this.run) this.fail(troubleOf(error))
    }
  }

  stop(): void {
    this.run += 1
    this.letGo()
    if (this.shown.state !== 'failed') this.shown.state = 'idle'
  }

  forget(): void {
    this.stop()
    this.shown.state = 'idle'
    this.shown.trouble = null
  }

  private speak(talk: Talk, microphone: Microphone): void {
    // The platform may be behind a proxy: what the page came from is known to work.
    const { pathname, search } = new URL(talk.microphone ?? '')
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const address = `${scheme}://${location.host}${pathname}${search}&rate=${microphone.rate}`
    const socket = (this.socket = new WebSocket(address))
    socket.onopen = () => {
      this.shown.state = 'speaking'
      microphone.listen((pcm, peak) => {
        this.shown.level = Math.max(peak, this.shown.level * FALL)
        if (socket.bufferedAmount < MOST_WAITING) socket.send(pcm)
      })
    }
    let last = talk
    socket.onmessage = (message) => {
      if (typeof message.data === 'string') last = JSON.parse(message.data)
    }
    socket.onclose = (event) => this.closed(last, event)
  }

  private closed(talk: Talk, event: CloseEvent): void {
    const target = talk.targets[0]
    if (target?.message) this.fail({ zh: target.message_zh ?? target.message, en: target.message })
    else this.fail({ key: event.code === CLOSED_BY_US ? 'ended' : 'network' })
  }

  private fail(trouble: Trouble): void {
    this.run += 1
    this.letGo()
    this.shown.state = 'failed'
    this.shown.trouble = trouble
  }

  private letGo(): void {
    if (this.socket) {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null
      this.socket.close()
    }
    this.microphone?.close()
    if (this.talkId) void end(this.talkId)
    this.socket = this.microphone = null
    this.talkId = ''
    this.shown.level = 0
  }
}

async function end(talkId: string): Promise<void> {
  try {
    await remove(`/api/v1/talks/${talkId}`)
  } catch {
    // It is over, or the platform is gone: then it ends by itself.
  }
}

function troubleOf(error: unknown): Trouble {
  if (error instanceof NoMicrophone) return { key: error.why }
  if (!(error instanceof ApiError)) return { key: 'other' }
  if (error.status === 0) return { key: 'network' }
  if (error.status === 403) return { key: 'forbidden' }
  const { zh, en } = error.detail
  return { zh: typeof zh === 'string' ? zh : error.message, en: typeof en === 'string' ? en : error.message }
}
