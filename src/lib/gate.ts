/** A gate: while it is closed nobody comes in, and who is inside is waited for. */
export class Gate {
  #inside = 0
  #open: PromiseWithResolvers<undefined> | undefined
  #onEmpty: () => void = () => undefined

  /** What is to be called at the way out; undefined while it is closed. */
  tryEnter(): (() => void) | undefined {
    if (this.#open !== undefined) return undefined
    this.#inside++
    let isOut = false
    return () => {
      if (isOut) return
      isOut = true
      if (--this.#inside === 0) this.#onEmpty()
    }
  }

  /** The same, as soon as it is open. */
  async enter(): Promise<() => void> {
    for (;;) {
      const leave = this.tryEnter()
      if (leave !== undefined) return leave
      await this.#open!.promise
    }
  }

  /** Does something inside. */
  async pass<T>(act: () => Promise<T>): Promise<T> {
    const leave = await this.enter()
    try {
      return await act()
    } finally {
      leave()
    }
  }

  /** Closes it. Resolves when nobody is inside any more, or after so many milliseconds. */
  async close(ms: number): Promise<void> {
    this.#open ??= Promise.withResolvers<undefined>()
    if (this.#inside === 0) return
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, ms)
      this.#onEmpty = () => {
        clearTimeout(late)
        resolve()
      }
    })
    this.#onEmpty = () => undefined
  }

  open(): void {
    this.#open?.resolve(undefined)
    this.#open = undefined
  }
}
