/**
 * The network of the model: messages wait until they are delivered, in random order. A message that is too late for its
 * receiver is delivered all the same.
 */
import type { Chance } from '../helpers/volatile-disk.js'

interface Parcel {
  /** Whether it may be delivered now. */
  readonly mayCome: () => boolean
  readonly deliver: () => void
}

export class Network {
  readonly #parcels = new Set<Parcel>()

  /** Whether anything may be delivered. */
  get isBusy(): boolean {
    return [...this.#parcels].some((parcel) => parcel.mayCome())
  }

  /** Does the work when it is delivered. Never resolves if it is lost. */
  send<T>(work: () => Promise<T>, mayCome: () => boolean = () => true): Promise<T> {
    return new Promise((resolve, reject) => {
      const parcel: Parcel = {
        mayCome,
        deliver: () => {
          this.#parcels.delete(parcel)
          work().then(resolve, reject)
        },
      }
      this.#parcels.add(parcel)
    })
  }

  /** Delivers one pending message. */
  deliver(chance: Chance): void {
    const ready = [...this.#parcels].filter((parcel) => parcel.mayCome())
    ready[Math.floor(chance() * ready.length)]?.deliver()
  }

  /** Loses all pending messages. */
  clear(): void {
    this.#parcels.clear()
  }
}
