/** `--alarm`: which webhooks a text names, and what is refused without repeating a secret. */
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import type { GossumError } from '../../src/errors.js'
import { authorizationFor } from '../../src/outgoing/logins.js'
import { scratchFolder } from '../helpers/home.js'

const { file } = scratchFolder()
const alarms = (...alarm: string[]) => loadConfig({ home: '/h', alarm }, { env: {}, book: false }).alarm

describe('a webhook', () => {
  test.each([
    ['https://h.example/a', { url: 'https://h.example/a', format: 'standard', secretFile: undefined }],
    ['https://h.example/a/', { url: 'https://h.example/a/' }],
    ['https://h.example', { url: 'https://h.example' }],
    ['https://h.example/a?token=b%20c', { url: 'https://h.example/a?token=b%20c' }],
    ['http://127.0.0.1:9/ format=alertmanager', { url: 'http://127.0.0.1:9/', format: 'alertmanager' }],
    ['https://h.example/a secret-file=s', { secretFile: resolve('s') }],
  ])('%s', (text, expected) => {
    expect(alarms(text)).toMatchObject([expected])
  })

  test('has its login in requests only, even before a query', () => {
    expect(alarms('https://me:pass@login.example/a?b=c')).toMatchObject([{ url: 'https://login.example/a?b=c' }])
    expect(authorizationFor('https://login.example/a?b=c')).toBe(`Basic ${btoa('me:pass')}`)
  })

  test('can be a mapping in the file', () => {
    const path = file(
      'gossum.yaml',
      'alarm:\n  - url: https://h.example/a\n    format: alertmanager\n    secret-file: /s\n',
    )
    const { alarm } = loadConfig({ home: '/h' }, { file: path, env: {}, book: false })
    expect(alarm).toEqual([{ url: 'https://h.example/a', format: 'alertmanager', secretFile: '/s' }])
  })

  test.each([
    ['no URL', ''],
    ['another scheme', 'ftp://SECRET.example/a'],
    ['a fragment', 'https://h.example/SECRET#x'],
    ['another format', 'https://h.example/SECRET format=slack'],
    ['a field twice', 'https://h.example/SECRET format=standard format=standard'],
    ['an unknown field', 'https://h.example/SECRET secret=SECRET'],
  ])('is refused with %s, and nothing of it is shown', (_what, text) => {
    const error = ((): unknown => {
      try {
        return alarms(text)
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect((error as GossumError).message).toContain('alarm: ')
    expect((error as GossumError).message).not.toContain('SECRET')
  })

  test('cannot be listed twice', () => {
    expect(() => alarms('https://h.example/a', 'https://h.example/a format=alertmanager')).toThrow('twice')
    expect(alarms('https://h.example/a', 'https://h.example/b')).toHaveLength(2)
  })
})
