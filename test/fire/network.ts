/**
 * The network of the model: whatever is under way waits until it is delivered, in the order that chance wants. What is too
 * late for whoever waits is delivered all the same.
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

  /** Does the work when its time has come. Never ends when it is lost. */
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

  /** Delivers one of what is under way. */
  deliver(chance: Chance): void {
    const ready = [...this.#parcels].filter((parcel) => parcel.mayCome())
    ready[Math.floor(chance() * ready.length)]?.deliver()
  }

  /** All that is under way is lost. */
  clear(): void {
    this.#parcels.clear()
  }
}
