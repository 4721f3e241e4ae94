// The tree of the region as the page knows it: branches loaded when they are opened, counts kept by
// the events of the platform, what is open kept through both. No Vue component, no DOM.
//
// A device and its only channel often share one id, so an item is named by kind and id.
import { computed, reactive, ref } from 'vue'

import type { NodeKind, TreeBranch, TreeNode } from '../api/types'

export interface Item extends TreeNode {
  key: string
  parent: string | null
  depth: number
  // null: not asked for yet, or no longer true
  children: string[] | null
  loading: boolean
}

export type Fetch = (id?: string) => Promise<TreeBranch>

const REFRESH_MS = 600
const PLACES: ReadonlySet<NodeKind> = new Set(['region', 'city', 'county', 'unassigned'])

export function keyOf(node: { kind: NodeKind; id: string }): string {
  return `${node.kind}:${node.id}`
}

// A device that lies in several places carries the place before its id in all but one of them.
export function deviceIdOf(node: TreeNode): string {
  return node.id.slice(node.id.lastIndexOf('/') + 1)
}

export class TreeModel {
  private readonly items = reactive(new Map<string, Item>())
  private readonly open = reactive(new Set<string>())
  private readonly root = ref<string | null>(null)
  private readonly stale = new Set<string>()
  private timer: number | undefined
  private closed = false

  readonly region = computed(() => this.item(this.root.value))

  readonly rows = computed(() => {
    const found: Item[] = []
    const walk = (key: string): void => {
      const item = this.items.get(key)
      if (!item) return
      found.push(item)
      if (this.open.has(key)) item.children?.forEach(walk)
    }
    if (this.root.value !== null) walk(this.root.value)
    return found
  })

  constructor(private readonly fetch: Fetch) {}

  item(key: string | null): Item | null {
    return key === null ? null : (this.items.get(key) ?? null)
  }

  isOpen(item: Item): boolean {
    return this.open.has(item.key)
  }

  childrenOf(item: Item): Item[] {
    return (item.children ?? []).flatMap((key) => this.items.get(key) ?? [])
  }

  // From the region down to the item itself.
  path(item: Item): Item[] {
    const found: Item[] = []
    for (let at: Item | null = item; at; at = this.item(at.parent)) found.unshift(at)
    return found
  }

  close(): void {
    this.closed = true
    window.clearTimeout(this.timer)
  }

  // Read anew what is shown, keeping what is open.
  async reload(): Promise<void> {
    if (this.root.value === null) {
      const branch = await this.fetch()
      this.root.value = this.put(branch, null).key
      this.open.add(this.root.value)
      this.fill(this.root.value, branch)
      return
    }
    for (const item of this.items.values()) if (item.children) this.stale.add(item.key)
    await this.refresh()
  }

  async expand(item: Item): Promise<void> {
    if (item.kind === 'channel') return
    this.open.add(item.key)
    await this.load(item)
  }

  collapse(item: Item): void {
    this.open.delete(item.key)
  }

  // Branches that are not open yet may be wanted for their names.
  async load(item: Item): Promise<void> {
    if (item.children || item.loading) return
    await this.read(item)
  }

  // -- events ----------------------------------------------------------------------------------

  changed(nodes: TreeNode[]): void {
    const strange = new Set<NodeKind>()
    for (const node of nodes) {
      const item = this.items.get(keyOf(node))
      if (!item) {
        if (node.kind === 'county') this.markAll([`city:${node.id.slice(0, 4)}`])
        strange.add(node.kind)
        continue
      }
      const moved = item.total !== node.total || item.online !== node.online
      Object.assign(item, { name: node.name, total: node.total, online: node.online })
      if (moved && item.kind === 'device') this.mark(item)
    }
    if (strange.has('city')) this.markAll([this.root.value ?? ''])
    if (strange.has('device')) this.seekDevices(nodes)
  }

  channelChanged(channelId: string, deviceId: string): void {
    if (this.items.has(`channel:${channelId}`)) this.deviceChanged(deviceId)
  }

  deviceChanged(deviceId: string): void {
    this.markAll(this.placesOf(deviceId).map((item) => item.key))
  }

  deviceRemoved(deviceId: string): void {
    this.markAll(this.placesOf(deviceId).map((item) => item.parent ?? item.key))
  }

  // New devices, or devices in branches that were never opened. The event names the places above
  // them, but not which of them is the parent; an unopened county among them explains a device.
  private seekDevices(nodes: TreeNode[]): void {
    const places = nodes.flatMap((node) => (PLACES.has(node.kind) ? keyOf(node) : []))
    const explained = new Set<string | null>()
    for (const key of places) {
      const item = this.items.get(key)
      if (item?.kind === 'county' && !item.children) explained.add(item.parent)
    }
    this.markAll(places.filter((key) => key !== this.root.value && !explained.has(key)))
  }

  private placesOf(deviceId: string): Item[] {
    return [...this.items.values()].filter(
      (item) => item.kind === 'device' && deviceIdOf(item) === deviceId,
    )
  }

  private markAll(keys: string[]): void {
    for (const key of keys) {
      const item = this.items.get(key)
      if (item) this.mark(item)
    }
  }

  private mark(item: Item): void {
    if (!item.children) return
    this.stale.add(item.key)
    if (this.timer === undefined && !this.closed) {
      this.timer = window.setTimeout(() => void this.refresh(), REFRESH_MS)
    }
  }

  private async refresh(): Promise<void> {
    this.timer = undefined
    const keys = [...this.stale]
    this.stale.clear()
    for (const key of keys) {
      const item = this.items.get(key)
      if (!item || this.closed) continue
      if (this.open.has(key)) await this.read(item)
      else item.children = null
    }
  }

  // -- branches --------------------------------------------------------------------------------

  private async read(item: Item): Promise<void> {
    item.loading = true
    try {
      this.fill(item.key, await this.fetch(item.id))
    } catch {
      // Gone, or the platform is away: the header says so, and the events' return reads it anew.
    } finally {
      item.loading = false
    }
  }

  private fill(key: string, branch: TreeBranch): void {
    const item = this.items.get(key)
    if (!item) return
    Object.assign(item, { name: branch.name, total: branch.total, online: branch.online })
    const before = item.children ?? []
    const children = branch.children.map((child) => this.put(child, item).key)
    const kept = new Set(children)
    for (const old of before) if (!kept.has(old)) this.drop(old, key)
    item.children = children
  }

  private put(node: TreeNode, parent: Item | null): Item {
    const key = keyOf(node)
    const known = this.items.get(key)
    const { id, kind, name, total, online } = node
    const facts = { id, kind, name, total, online }
    const place = { parent: parent?.key ?? null, depth: parent ? parent.depth + 1 : 0 }
    if (known) return Object.assign(known, facts, place)
    this.items.set(key, { key, children: null, loading: false, ...facts, ...place })
    return this.items.get(key) as Item
  }

  private drop(key: string, parent: string): void {
    const item = this.items.get(key)
    // It may have moved to a branch that was read before this one.
    if (!item || item.parent !== parent) return
    item.children?.forEach((child) => this.drop(child, key))
    this.items.delete(key)
    this.open.delete(key)
  }
}
