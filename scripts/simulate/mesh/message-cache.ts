/** Which messages a node has seen, and which it can still send: for as long as gossipsub keeps them. */
import type { Message, TopicIndex } from '../frames.js'
import { LIBRARY } from './rules.js'

export class MessageCache {
  #young = new Set<number>()
  #old: ReadonlySet<number> = new Set()
  #renewedAt = 0
  /** The newest window first, each of one heartbeat. */
  readonly #windows: Message[][] = [[]]

  /** Whether it was seen before; marks it as seen. */
  see(number: number, now: number): boolean {
    if (this.has(number)) return true
    if (now - this.#renewedAt > LIBRARY.seenTTL) {
      this.#old = this.#young
      this.#young = new Set()
      this.#renewedAt = now
    }
    this.#young.add(number)
    return false
  }

  has(number: number): boolean {
    return this.#young.has(number) || this.#old.has(number)
  }

  put(message: Message): void {
    this.#windows[0]!.push(message)
  }

  get(number: number): Message | undefined {
    for (const window of this.#windows) {
      const found = window.find((message) => message.number === number)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The messages to announce to peers outside the mesh. */
  toTell(topic: TopicIndex): number[] {
    const numbers: number[] = []
    for (let i = 0; i < LIBRARY.mcacheGossip; i++)
      for (const message of this.#windows[i] ?? []) if (message.topic === topic) numbers.push(message.number)
    return numbers
  }

  /** Called at each heartbeat. */
  shift(): void {
    const windows = this.#windows
    const last = windows.length < LIBRARY.mcacheLength ? undefined : windows.pop()
    windows.unshift(last === undefined || last.length > 0 ? [] : last)
  }
}
