/**
 * A real browser, Debian's chromium, that opens our pages and reports what they did. Tests with it are skipped if it is
 * not installed, unless REQUIRE_PEERS=1, which makes that a failure.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

/** The program of the browser; undefined if it is not installed. */
export const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium'].find(
  (file) => file !== undefined && existsSync(file),
)

/** It contacts nothing but the pages that it opens. */
const QUIET = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
]

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM!, args: QUIET })
}

/** What a page did while it was open. */
export interface Watched {
  readonly page: Page
  /** Hosts that received requests. */
  readonly hosts: ReadonlySet<string>
  /** Errors of scripts, and dialogs that scripts opened. */
  readonly faults: readonly string[]
  /** What the page's content security policy blocked, as `directive source`. */
  readonly violations: () => Promise<string[]>
}

/** The pages of a browser, by the options of their contexts. */
const kept = new WeakMap<Browser, Map<string, Page>>()

/**
 * Opens an address in a page that tests use one after the other: one for each would cost half a second of processor
 * time, and our pages keep nothing. One of a test that failed is not used again.
 */
export async function look(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const pages = kept.get(browser) ?? new Map<string, Page>()
  kept.set(browser, pages)
  const name = JSON.stringify(options)
  const page = pages.get(name) ?? (await newPage(browser, options))
  // Not for a second one in the same test.
  pages.delete(name)
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') return page.context().close()
    page.removeAllListeners()
    await page.unrouteAll()
    await page.goto('about:blank')
    pages.set(name, page)
  })
  const hosts = new Set<string>()
  const faults: string[] = []
  page.on('request', (request) => hosts.add(new URL(request.url()).host))
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('dialog', (dialog) => {
    faults.push(dialog.message())
    void dialog.dismiss()
  })
  await page.goto(url)
  return { page, hosts, faults, violations: () => page.evaluate('seen') }
}

async function newPage(browser: Browser, options: BrowserContextOptions): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage()
  await page.addInitScript(() => {
    const seen: string[] = []
    Object.assign(globalThis, { seen })
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      seen.push(`${violatedDirective} ${blockedURI}`),
    )
  })
  return page
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The violations that axe finds on a page, one per line. */
export async function objectionsOfAxe(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  return page.evaluate(`axe.run().then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' ' + target + ': ' + failureSummary)))`)
}
