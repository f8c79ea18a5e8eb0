/** Whether this node has looked for a log's newest head itself: what it saw goes before what is pushed to it. */

/** Milliseconds that the first head of a log that is pushed waits for our own look at the log. */
const LOOK_MS = 3_000

export class FirstLooks {
  readonly #looks: ReadonlyMap<
    string,
    { readonly promise: Promise<undefined>; readonly resolve: (over: undefined) => void }
  >

  /** `logs`: ids of the logs that are polled. The others are never looked at, and nobody waits for that. */
  constructor(logs: readonly string[]) {
    this.#looks = new Map(logs.map((log) => [log, Promise.withResolvers<undefined>()]))
  }

  /** A log was asked, whatever came of it. */
  over(log: string): void {
    this.#looks.get(log)?.resolve(undefined)
  }

  /** Resolves when the log was asked for the first time, or takes too long to answer. */
  async of(log: string): Promise<void> {
    const look = this.#looks.get(log)
    if (look !== undefined)
      await Promise.race([look.promise, new Promise((resolve) => setTimeout(resolve, LOOK_MS).unref())])
  }
}
