// What every player of one picture offers, whatever the picture comes in.
export interface Closing {
  clean: boolean
  reason: string
}

export interface PlayerEvents {
  closed(closing: Closing): void
  // The browser cannot decode what came.
  broken(detail: string): void
}

export interface Meter {
  bytes: number
  ahead: number
}

export interface Player {
  readonly meter: Meter
  destroy(): void
}

export interface Source {
  url: string
  hasAudio: boolean
}

export type PlayerClass = new (
  video: HTMLVideoElement,
  source: Source,
  events: PlayerEvents,
) => Player
