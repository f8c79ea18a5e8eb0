/**
 * Screenshots of the page in each state, on a wide light, a dark and a narrow screen, with its scripts:
 * `npm run screenshots [FOLDER]`. Without a folder it renews those of the README, in docs/pictures.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NodeReading } from '../../src/dashboard/facts-of.js'
import { CALM, SPLIT, THIN } from '../../test/dashboard/states.js'
import { launchBrowser } from '../../test/helpers/browser.js'
import { servedPage } from '../../test/helpers/shown-page.js'

const STATES: Readonly<Record<string, NodeReading>> = { calm: CALM, thin: THIN, split: SPLIT }
const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 900, height: 620 } },
  dark: { colorScheme: 'dark', viewport: { width: 900, height: 620 } },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 640 } },
} as const
/**
 * An event source that is connected and sends nothing. A string, because the compiler of this file would add to a
 * function.
 */
const QUIET_EVENTS = `globalThis.EventSource = class extends EventTarget {
  static CLOSED = 2
  constructor() {
    super()
    setTimeout(() => this.dispatchEvent(new Event('open')))
  }
}`
/** The ones in README and docs/page.md. */
const KEPT = ['calm-light', 'split-dark']

const [folder] = process.argv.slice(2)
const target = folder ?? fileURLToPath(new URL('../../docs/pictures/', import.meta.url))
mkdirSync(target, { recursive: true })
const browser = await launchBrowser()
try {
  for (const [state, reading] of Object.entries(STATES)) {
    const node = await servedPage(reading)
    for (const [look, options] of Object.entries(LOOKS)) {
      const name = `${state}-${look}`
      if (folder === undefined && !KEPT.includes(name)) continue
      const context = await browser.newContext(options)
      const page = await context.newPage()
      await page.addInitScript(QUIET_EVENTS)
      await page.goto(node.url)
      await page.getByText('Live:').waitFor()
      const isWhole = folder !== undefined
      await page.screenshot({ path: join(target, `${name}.png`), fullPage: isWhole })
      await context.close()
    }
    await node.end()
  }
} finally {
  await browser.close()
}
