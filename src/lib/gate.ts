/** A gate: while it is closed nothing enters, and closing it waits for what is inside. */
export class Gate {
  #inside = 0
  #open: PromiseWithResolvers<undefined> | undefined
  #onEmpty: () => void = () => undefined

  /** Enters, and returns a function to call on leaving; undefined while the gate is closed. */
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

  /** The same, as soon as the gate is open. */
  async enter(): Promise<() => void> {
    for (;;) {
      const leave = this.tryEnter()
      if (leave !== undefined) return leave
      await this.#open!.promise
    }
  }

  /** Runs an act inside. */
  async pass<T>(act: () => Promise<T>): Promise<T> {
    const leave = await this.enter()
    try {
      return await act()
    } finally {
      leave()
    }
  }

  /** Closes the gate. Resolves when nothing is inside any more, or after so many milliseconds. */
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
