/**
 * Token buckets by peer, which limit how much one peer may ask of us. Pure but for the clock that the caller passes in.
 */

/** Above this number, buckets that are full again are dropped, since they carry no information. */
const MAX_BUCKETS = 1024

interface Bucket {
  tokens: number
  /** Milliseconds by the caller's clock. */
  at: number
}

export class TokenBuckets {
  readonly #burst: number
  readonly #perSecond: number
  readonly #buckets = new Map<string, Bucket>()

  /** A peer may take `burst` at once, and `perSecond` each second in the long run. */
  constructor(burst: number, perSecond: number) {
    this.#burst = burst
    this.#perSecond = perSecond
  }

  /**
   * Takes one of the peer's tokens; false when there is none. `now` is in monotonic milliseconds: performance.now().
   */
  take(peer: string, now: number): boolean {
    const bucket = this.#buckets.get(peer) ?? { tokens: this.#burst, at: now }
    bucket.tokens = this.#level(bucket, now)
    bucket.at = now
    if (!this.#buckets.has(peer)) this.#admit(peer, bucket, now)
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  /** Gives back a token that was not used. */
  giveBack(peer: string): void {
    const bucket = this.#buckets.get(peer)
    if (bucket !== undefined) bucket.tokens = Math.min(this.#burst, bucket.tokens + 1)
  }

  #level(bucket: Bucket, now: number): number {
    // A clock that was set back adds and removes nothing.
    const seconds = Math.max(0, now - bucket.at) / 1000
    return Math.min(this.#burst, bucket.tokens + seconds * this.#perSecond)
  }

  #admit(peer: string, bucket: Bucket, now: number): void {
    if (this.#buckets.size >= MAX_BUCKETS) {
      for (const [other, its] of this.#buckets) if (this.#level(its, now) >= this.#burst) this.#buckets.delete(other)
    }
    // All buckets are in debt: the oldest is dropped, so that the map stays bounded.
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size >= MAX_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest)
    this.#buckets.set(peer, bucket)
  }
}
