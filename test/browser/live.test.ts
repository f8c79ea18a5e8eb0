/** A page that stays open: it follows its node, and leaves the visitor's own state unchanged. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CALM, SPLIT } from '../dashboard/states.js'
import { CHROMIUM, launchBrowser, look } from '../helpers/browser.js'
import { shown, type ShownPage } from '../helpers/shown-page.js'

describe.skipIf(CHROMIUM === undefined)('an open page', () => {
  let browser: Browser
  beforeAll(async () => void (browser = await launchBrowser()))
  afterAll(() => browser.close())

  /** Opens it; `tell` sends an event of the node. */
  async function open(first = CALM): Promise<{ page: Page; node: ShownPage; tell: () => Promise<void> }> {
    const node = await shown(first)
    const { page } = await look(browser, node.url)
    // The page receives it like an event from the node.
    const tell = (): Promise<void> => page.evaluate(() => void window.dispatchEvent(new Event('online')))
    return { page, node, tell }
  }

  test('shows a fork once proven, also in the title and to screen readers', async () => {
    const { page, node, tell } = await open()
    await page.evaluate(() => Object.assign(globalThis, { verdict: document.querySelector('.verdict') }))
    node.show(SPLIT)
    await tell()
    await page.locator('.verdict.split').waitFor()
    expect(await page.title()).toBe('PROVEN LIE: gossum')
    expect(await page.locator('.shelf li').count()).toBe(2)
    expect(await page.locator('.strand.strayed').count()).toBe(4)
    // A live region that is replaced is not announced.
    expect(
      await page.evaluate("verdict === document.querySelector('.verdict') && verdict.getAttribute('aria-live')"),
    ).toBe('polite')
  })

  test('is quiet if only time has passed', async () => {
    const { page, node, tell } = await open()
    node.show({ ...CALM, now: CALM.now + 5_000 })
    await tell()
    await page.getByText('45 s old').waitFor()
    expect(await page.locator('.verdict').getAttribute('aria-live')).toBe('off')
  })

  test('keeps the focus, the selection, the input and the answers', async () => {
    const { page, node, tell } = await open(SPLIT)
    await page.locator('#pasted').fill('half a line')
    await page
      .locator('[id^=verified-]')
      .first()
      .evaluate((box) => box.append('an answer'))
    await page.evaluate(() => document.getSelection()!.selectAllChildren(document.querySelector('#witnesses td')!))
    await page.locator('[data-verify]').first().focus()
    const later = {
      ...SPLIT,
      now: SPLIT.now + 60_000,
      evidence: [...SPLIT.evidence, { ...SPLIT.evidence[0]!, id: '2'.repeat(16) }],
    }
    node.show(later)
    await tell()
    await page.locator('.shelf li:nth-child(3)').waitFor()
    expect(await page.evaluate(() => document.activeElement!.getAttribute('data-verify'))).toBe('0000000000000000')
    expect(await page.locator('#pasted').inputValue()).toBe('half a line')
    expect(await page.locator('#verified-0000000000000000').textContent()).toBe('an answer')
    expect(await page.evaluate(() => document.getSelection()!.toString())).toBe('alder.example (this node)')
    expect(await page.locator('#witnesses').textContent()).not.toContain('100 s ago')
    await page.evaluate(() => document.getSelection()!.removeAllRanges())
    await tell()
    await page.locator('#witnesses', { hasText: '100 s ago' }).waitFor()
  })

  test('shows an added log, and keeps the answers', async () => {
    const { page, node, tell } = await open()
    await page.locator('#answers').evaluate((box) => box.append('an answer'))
    const [log] = CALM.status.logs
    node.show({
      ...CALM,
      status: { ...CALM.status, logs: [log!, { ...log!, id: 'b'.repeat(64), name: 'other.example' }] },
    })
    await tell()
    await page.getByRole('region', { name: 'other.example' }).waitFor()
    expect(await page.locator('#answers').textContent()).toBe('an answer')
  })

  test('says since when its node has not answered', async () => {
    const { page, node, tell } = await open()
    await node.end()
    await tell()
    await page
      .locator('#live.lost', { hasText: /^Not live since \d\d:\d\d:\d\d UTC: this node does not answer/ })
      .waitFor()
    expect(await page.locator('.verdict').textContent()).toContain('6 of 7 witnesses')
  })
})
