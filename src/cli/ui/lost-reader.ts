/**
 * What happens when our output cannot be delivered: the reader of stdout or stderr is gone, or the disk behind it is full. And when there is nobody left to wait for.
 */
import { errorText, GossumError } from '../../errors.js'
import { EXIT } from '../exit.js'

type Tell = (error: GossumError) => void

/** What is to be called when what writes to one of them by itself finds nobody there: the same happens. */
export function lostOutput(name: 'stdout' | 'stderr'): (error: Error) => void {
  return (error) => void process[name].emit('error', error)
}

/**
 * A reader that has seen enough is no error: `gossum heads | head -n 1`. What `serves` until it is told to stop ends in order, and
 * with failure, so that whoever supervises it starts it again. `tell` says why, on what is left.
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
 * Runs to the end of the work, whose result is the exit code. A promise alone keeps no process alive: one that whoever was asked
 * leaves open for ever would end it without a word.
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
