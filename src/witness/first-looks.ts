/** Whether this node has looked for a log's newest head itself: its own view goes before pushed heads. */

/** Milliseconds that the first pushed head of a log waits for our own poll of the log. */
const LOOK_MS = 3_000

export class FirstLooks {
  readonly #looks: ReadonlyMap<
    string,
    { readonly promise: Promise<undefined>; readonly resolve: (over: undefined) => void }
  >

  /** `logs`: ids of the logs that are polled. The others are never polled, so nothing waits for them. */
  constructor(logs: readonly string[]) {
    this.#looks = new Map(logs.map((log) => [log, Promise.withResolvers<undefined>()]))
  }

  /** A poll of the log has ended, whatever its result. */
  over(log: string): void {
    this.#looks.get(log)?.resolve(undefined)
  }

  /** Resolves when the first poll of the log has ended, or when it takes too long. */
  async of(log: string): Promise<void> {
    const look = this.#looks.get(log)
    if (look !== undefined)
      await Promise.race([look.promise, new Promise((resolve) => setTimeout(resolve, LOOK_MS).unref())])
  }
}
