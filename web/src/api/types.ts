// Shapes of the HTTP contract that the console uses.

export type NodeKind = 'region' | 'city' | 'county' | 'unassigned' | 'device' | 'channel'

export interface TreeNode {
  id: string
  kind: NodeKind
  name: string
  total: number
  online: number
}

export interface TreeBranch extends TreeNode {
  children: TreeNode[]
}

export interface Channel {
  channel_id: string
  reported_id: string
  device_id: string
  name: string
  city: string
  county: string
  online: boolean
  status_on: boolean
  manufacturer: string
  model: string
}

export interface Page<T> {
  items: T[]
  total: number
}

export type Transport = 'udp' | 'tcp-passive' | 'tcp-active'

export interface Video {
  codec: string
  width: number
  height: number
  fps: number | null
}

export interface LiveStream {
  session_id: string
  stream_id: string
  state: string
  transport: Transport
  video: Video | null
  // What FLV carries unasked, what the camera sends, what is there for who asks.
  audio: { codec: string } | null
  camera_audio: { codec: string } | null
  made_audio: { codec: string } | null
  urls: { ws_flv: string; ws_fmp4: string; hls: string; whep: string | null }
}

export interface Timeline {
  segments: { start: string; end: string; state: string }[]
  gaps: { start: string; end: string | null; cause: string }[]
}

export interface Film {
  url: string
}

export interface TalkTarget {
  state: string
  reason: string | null
  message: string | null
  message_zh: string | null
}

export interface Talk {
  talk_id: string
  state: string
  microphone: string | null
  targets: TalkTarget[]
}

export interface PlatformEvent {
  type: string
  time: string
  data: Record<string, unknown>
}
