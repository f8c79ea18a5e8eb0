/**
 * `gossum demo`: the whole story on one machine, without a network (demo/story.ts), or a log and witnesses that run
 * until stopped (demo/served-demo.ts). This is the frame of both: it finds a directory, and cleans up after an
 * interruption.
 */
import { access, constants, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { errorText, GossumError, HintedError } from '../../errors.js'
import { everyOption } from './demo/every-option.js'
import { ServedDemo } from './demo/served-demo.js'
import { OWN_OUT, Story } from './demo/story.js'
import { output, type OutputFlags } from '../ui/output.js'

interface DemoFlags extends OutputFlags {
  nodes: number
  out?: string
  serve?: boolean
  every: number
}

const MAX_NODES = 50

export async function command(named: string | undefined): Promise<Command> {
  const program = new Command('demo')
  if (named === 'log') return program.addCommand((await import('./demo/log-command.js')).logCommand())
  return program
    .description('the whole story on one machine: a log, witnesses, a quorum, a split view, and how it is caught')
    .option('--nodes <N>', 'number of witnesses', (text) => Number(text), 5)
    .option('--out <DIR>', 'where the evidence files are written (default: a new temporary directory)')
    .option('--serve', 'keep log and witnesses running, each with its page, until Ctrl-C; fork the log on its page')
    .addOption(everyOption())
    .addHelpText(
      'after',
      `
gossum demo log runs only the log of --serve, for witnesses that you start yourself (gossum demo log --help).

Examples:
  gossum demo                 five witnesses catch a log that shows two histories
  gossum demo --nodes 10
  gossum demo --serve         open the pages, press the button, and watch the rope split
  gossum demo --json | tail -n 1
`,
    )
    .action(async (_options: DemoFlags, self: Command) => demo(self.optsWithGlobals<DemoFlags>()))
}

async function demo(flags: DemoFlags): Promise<void> {
  const { nodes: count } = flags
  if (!Number.isInteger(count) || count < 2 || count > MAX_NODES) {
    throw new GossumError('USAGE', `--nodes takes a whole number from 2 to ${MAX_NODES}`)
  }
  if (flags.serve === true && flags.out !== undefined) {
    throw new GossumError('USAGE', '--serve writes no evidence: the nodes have it on their pages')
  }
  const directory = await usable('set $TMPDIR to a directory that you can write to', () =>
    mkdtemp(join(tmpdir(), 'gossum-demo-')),
  )
  const interruption = listenForInterruption()
  const act = flags.serve === true ? served(flags, directory) : story(flags, directory)
  try {
    const exitCode = await Promise.race([act.run(), interruption.exitCode])
    if (exitCode !== undefined) process.exitCode = exitCode
  } finally {
    await act.end()
    interruption.close()
  }
}

/** What the demo shows. */
interface Act {
  run(): Promise<undefined>
  /** Ends it, whatever its state. */
  end(): Promise<void>
}

function served(flags: DemoFlags, directory: string): Act {
  return new ServedDemo({ out: output(flags), directory, count: flags.nodes, every: flags.every })
}

function story(flags: DemoFlags, directory: string): Act {
  const outDirectory = flags.out ?? join(directory, OWN_OUT)
  const story = new Story(output(flags), directory, outDirectory, flags.nodes)
  const run = async (): Promise<undefined> => {
    await usable('choose another directory with --out', async () => {
      await mkdir(outDirectory, { recursive: true })
      await access(outDirectory, constants.W_OK)
    })
    await story.tell()
  }
  return { run, end: () => story.end() }
}

/** The exit codes of a program ended by a signal. */
const SIGNAL_EXITS = { SIGINT: 130, SIGTERM: 143 } as const

/** Waits for the first signal. A second one ends the process at once, and with it every node. */
function listenForInterruption(): { exitCode: Promise<number>; close(): void } {
  const { promise: exitCode, resolve } = Promise.withResolvers<number>()
  const stop = (signal: keyof typeof SIGNAL_EXITS): void => resolve(SIGNAL_EXITS[signal])
  const signals = Object.keys(SIGNAL_EXITS) as (keyof typeof SIGNAL_EXITS)[]
  for (const signal of signals) process.once(signal, stop)
  return { exitCode, close: () => signals.forEach((signal) => process.off(signal, stop)) }
}

/** Runs work on a directory that the user chose. Throws HOME_UNUSABLE with this hint. */
async function usable<T>(hint: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new HintedError(new GossumError('HOME_UNUSABLE', errorText(error), error), hint)
  }
}
