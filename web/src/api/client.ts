// One place that talks HTTP: token, errors in the contract's shape, nothing else.
import { ref } from 'vue'

const STORAGE_KEY = 'gb28181.token'
const TOKEN_PATH = '/api/v1/auth/token'

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly leg: string | null = null,
    readonly sipStatus: number | null = null,
    readonly requestId: string | null = null,
    readonly detail: Record<string, unknown> = {},
  ) {
    super(message)
  }
}

export const token = ref<string | null>(sessionStorage.getItem(STORAGE_KEY))
// The platform no longer took the token: the login page says why it is there.
export const expired = ref(false)

function keep(value: string | null): void {
  token.value = value
  if (value === null) sessionStorage.removeItem(STORAGE_KEY)
  else sessionStorage.setItem(STORAGE_KEY, value)
}

export async function login(username: string, password: string): Promise<void> {
  const body = new URLSearchParams({ username, password })
  const answer = await send<{ access_token: string }>('POST', TOKEN_PATH, body)
  expired.value = false
  keep(answer.access_token)
}

export function logout(): void {
  keep(null)
}

export function get<T>(path: string): Promise<T> {
  return send<T>('GET', path)
}

// A picture, or null when there is none (yet).
export async function picture(path: string): Promise<Blob | null> {
  const response = await ask('GET', path)
  return response.status === 204 ? null : await response.blob()
}

export function post<T>(path: string, body: unknown = {}): Promise<T> {
  return send<T>('POST', path, JSON.stringify(body))
}

export function remove(path: string): Promise<void> {
  return send<void>('DELETE', path)
}

async function send<T>(method: string, path: string, body?: URLSearchParams | string): Promise<T> {
  const response = await ask(method, path, body)
  return (response.status === 204 ? undefined : await response.json()) as T
}

async function ask(method: string, path: string, body?: URLSearchParams | string): Promise<Response> {
  const headers = new Headers()
  const mine = token.value
  if (mine !== null) headers.set('Authorization', `Bearer ${mine}`)
  if (typeof body === 'string') headers.set('Content-Type', 'application/json')
  let response: Response
  try {
    response = await fetch(path, { method, headers, body })
  } catch {
    throw new ApiError(0, 'unreachable', 'the platform cannot be reached')
  }
  if (response.ok) return response
  const error = await readError(response)
  if (response.status === 401 && mine !== null && mine === token.value) {
    expired.value = true
    logout()
  }
  throw error
}

async function readError(response: Response): Promise<ApiError> {
  try {
    const { error } = await response.json()
    return new ApiError(
      response.status,
      error.code,
      error.message,
      error.leg,
      error.sip_status,
      error.request_id,
      error.detail ?? {},
    )
  } catch {
    return new ApiError(response.status, `http_${response.status}`, response.statusText)
  }
}
