/** A node whose clock the test sets: it runs the built program, with a Date that follows a small file. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { RunningNode } from './node.js'
import { removeFolder } from './home.js'

/**
 * Loaded before the program. The file has the clock's offset in milliseconds; a signal makes the program read it again.
 */
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
  /** The environment of a node that has this clock from its start. */
  readonly env: Readonly<Record<string, string>>
  /** Sets the clock's offset in milliseconds, for nodes to be started and for a running one. */
  readonly set: (off: number, running?: RunningNode) => void
}

/** A clock with an offset in milliseconds. */
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
