/** How what serves until it is told to stop is told. */

/** Waits for SIGINT or SIGTERM. A second one ends the process at once, as it does without a listener. */
export function untilSignalled(): Promise<void> {
  return new Promise((done) => {
    const stop = (): void => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
      done()
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}
