/**
 * Handles output that cannot be delivered, because the reader of stdout or stderr is gone or the disk is full, and work
 * that can never finish.
 */
import { errorText, GossumError } from '../../errors.js'
import { EXIT } from '../exit.js'

type Tell = (error: GossumError) => void

/** A handler for a writer of its own to stdout or stderr, to be called when its reader is gone. */
export function lostOutput(name: 'stdout' | 'stderr'): (error: Error) => void {
  return (error) => void process[name].emit('error', error)
}

/**
 * A reader that stops early is no error: `gossum heads | head -n 1`. A command that `serves` until told to stop shuts
 * down in order and with a failure, so that its supervisor restarts it. `tell` reports the reason on the stream that is
 * left.
 */
export function watchOutput(serves: boolean, tell: Tell): void {
  let isGone = false
  for (const [name, stream] of Object.entries({ stdout: process.stdout, stderr: process.stderr })) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (isGone) return
      isGone = true
      if (serves || error.code !== 'EPIPE') {
        process.exitCode = EXIT.couldNot
        if (name !== 'stderr') tell(new GossumError('OUTPUT_UNWRITABLE', `${name}: ${errorText(error)}`, error))
      }
      if (!process.emit('SIGTERM', 'SIGTERM')) process.exit()
    })
  }
}

/**
 * Waits for the work, which resolves to the exit code. A promise alone keeps no process alive: if a promise that never
 * settles is all that remains, the process would end silently.
 */
export async function exitWith(work: Promise<number>, tell: Tell): Promise<void> {
  const onIdle = (): void => {
    tell(new GossumError('ANSWER_MISSING'))
    process.exitCode = EXIT.couldNot
  }
  process.once('beforeExit', onIdle)
  process.exitCode = await work
  process.off('beforeExit', onIdle)
}
