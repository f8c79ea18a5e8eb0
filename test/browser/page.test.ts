/** The page in a real browser: with scripts and without, for eyes, ears and keyboards, and with hostile names in it. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { made } from '../dashboard/made.js'
import { CALM, SPLIT, THIN } from '../dashboard/states.js'
import { CHROMIUM, launchBrowser, look, objectionsOfAxe } from '../helpers/browser.js'
import { required } from '../helpers/go.js'
import { shown } from '../helpers/shown-page.js'

test.runIf(required)('a browser is here, as REQUIRE_PEERS asks', () => expect(CHROMIUM).toBeDefined())

describe.skipIf(CHROMIUM === undefined)('in a browser', () => {
  let browser: Browser
  beforeAll(async () => void (browser = await launchBrowser()))
  afterAll(() => browser.close())

  const STATES = { calm: CALM, thin: THIN, split: SPLIT }
  const LOOKS = [
    { colorScheme: 'light', viewport: { width: 1000, height: 900 } },
    { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
  ] as const

  describe.each(Object.entries(STATES))('%s', (_, reading) => {
    test.each(LOOKS)(
      'has no axe violations, and nothing is cut off ($colorScheme, $viewport.width pixels)',
      async (options) => {
        const { url } = await shown(reading)
        const { page, hosts, faults, violations } = await look(browser, url, options)
        expect(await objectionsOfAxe(page)).toEqual([])
        const width = await page.evaluate(() => document.documentElement.scrollWidth)
        expect(width).toBeLessThanOrEqual(options.viewport.width)
        expect([[...hosts], faults, await violations()]).toEqual([[new URL(url).host], [], []])
      },
    )
  })

  test('without scripts the page says the same, and reloads itself', async () => {
    const { url } = await shown(SPLIT)
    const { page } = await look(browser, url, { javaScriptEnabled: false })
    expect(await page.title()).toBe('PROVEN LIE: gossum')
    expect(await page.locator('.verdict').textContent()).toContain('SPLIT VIEW')
    expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(1)
    for (const hidden of ['[data-verify]', '#drop', '#live'])
      expect(await page.locator(hidden).first().isVisible()).toBe(false)
    expect(await page.locator('.unscripted').isVisible()).toBe(true)
  })

  test('with scripts the page does not reload, and offers its checks', async () => {
    const { url } = await shown(SPLIT)
    const { page } = await look(browser, url)
    expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(0)
    expect(await page.locator('[data-verify]').first().isVisible()).toBe(true)
    expect(await page.locator('.unscripted').isVisible()).toBe(false)
  })

  test('all controls are reachable by keyboard, with a visible focus', async () => {
    const { url } = await shown(SPLIT)
    const { page } = await look(browser, url)
    const wanted = await page.evaluate(() =>
      [...document.querySelectorAll('a[href], button, input, textarea, select, pre')].map((one) =>
        one.outerHTML.slice(0, 80),
      ),
    )
    const reached: string[] = []
    for (let i = 0; i < wanted.length; i++) {
      await page.keyboard.press('Tab')
      const [markup, outline] = await page.evaluate(() => {
        const { activeElement } = document
        return [activeElement!.outerHTML.slice(0, 80), getComputedStyle(activeElement!).outlineStyle]
      })
      reached.push(markup)
      expect(outline, markup).not.toBe('none')
    }
    expect(reached).toEqual(wanted)
  })

  test('nothing moves with reduced motion, and print has no buttons', async () => {
    const { url } = await shown(SPLIT)
    const { page } = await look(browser, url, { reducedMotion: 'reduce' })
    const moving = (): Promise<number> =>
      page.evaluate(
        () =>
          [...document.querySelectorAll('*')].filter((one) => getComputedStyle(one).transitionDuration !== '0s').length,
      )
    expect(await moving()).toBe(0)
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    expect(await page.locator('[data-verify]').first().isVisible()).toBe(false)
    expect(
      await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--panel').trim()),
    ).toBe('#ffffff')
  })

  test('hostile names stay text: they run nothing, request nothing from other hosts, and do not overflow', async () => {
    const hostile = [
      '<script>alert(1)</script>',
      '"><img src=http://evil.example/x onerror=alert(1)>',
      '\u001b[31mred\u001b[0m\u202egnp.exe',
      `</title></style><svg onload=alert(1)>${'x'.repeat(10_000)}`,
    ]
    const { url } = await shown(
      made({
        ...{ witnesses: 4, name: (i) => hostile[i]!, logName: hostile[3]!, ago: () => 40_000 },
        evidence: hostile.map((module) => ({ module })),
        conditions: hostile.map((text) => ({ name: 'unreachable', severity: 'doubtful', log: null, text }) as const),
      }),
    )
    const options = { viewport: { width: 360, height: 740 } }
    const { page, hosts, faults, violations } = await look(browser, url, options)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
    expect([[...hosts], faults, await violations()]).toEqual([[new URL(url).host], [], []])
    expect(await page.locator('img, iframe, main script').count()).toBe(0)
  })

  test('an injected script does not run, and text cannot become markup', async () => {
    const { url } = await shown(CALM)
    const { page, violations } = await look(browser, url)
    await page.evaluate(() => {
      const script = document.createElement('script')
      script.append('globalThis.ran = true')
      document.body.append(script)
      const markup = document.createElement('p')
      try {
        markup.innerHTML = '<img src=x onerror="globalThis.ran = true">'
      } catch {
        return
      }
      throw new Error('markup was taken')
    })
    expect(await page.evaluate('globalThis.ran')).toBeUndefined()
    // The text of the script, and the markup.
    const kinds = (await violations()).map((one) => one.split(' ', 1)[0])
    expect(kinds).toEqual(['require-trusted-types-for', 'require-trusted-types-for'])
  })
})
