/** How commands that serve until they are told to stop are told. */

/** Waits for SIGINT or SIGTERM. A second signal ends the process at once, as it would without a listener. */
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
