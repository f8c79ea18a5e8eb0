/** A node whose clock the test sets: the program is the built one, and Date tells what a small file says. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { RunningNode } from './node.js'
import { removeFolder } from './home.js'

/** Loaded before the program. The file says how many milliseconds the clock is off; a signal makes it be read again. */
const PRELOAD = `
const { readFileSync } = require('node:fs')
const file = process.env.TEST_CLOCK
const read = () => Number(readFileSync(file, 'utf8'))
let off = read()
process.on('SIGUSR2', () => (off = read()))
const Real = Date
globalThis.Date = class Date extends Real {
  constructor(...given) {
    if (given.length === 0) super(Real.now() + off)
    else super(...given)
  }
  static now() {
    return Real.now() + off
  }
}
`

export interface TestClock {
  /** The environment of a node that has this clock from its start on. */
  readonly env: Readonly<Record<string, string>>
  /** Sets the clock so many milliseconds off, for nodes that start and for one that runs. */
  readonly set: (off: number, running?: RunningNode) => void
}

/** A clock that is so many milliseconds off. */
export function testClock(off = 0): TestClock {
  const directory = mkdtempSync(join(tmpdir(), 'gossum-clock-'))
  onTestFinished(() => removeFolder(directory))
  const [file, preload] = [join(directory, 'off'), join(directory, 'preload.cjs')]
  writeFileSync(file, String(off))
  writeFileSync(preload, PRELOAD)
  return {
    env: { NODE_OPTIONS: `--require=${preload}`, TEST_CLOCK: file },
    set: (ms, running) => {
      writeFileSync(file, String(ms))
      running?.child.kill('SIGUSR2')
    },
  }
}
