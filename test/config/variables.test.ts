/** Unknown settings: misspelled ones are refused with the name that was meant, by every command. */
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import { nearest } from '../../src/config/nearest.js'
import { VARIABLES } from '../../src/config/sources.js'
import { foreignVariables } from '../../src/config/variables.js'
import { gossum, jsonError } from '../helpers/cli.js'
import { scratchFolder } from '../helpers/home.js'

const { file } = scratchFolder()

describe('the intended name', () => {
  test.each([
    ['GOSSUM_POLCY', 'GOSSUM_POLICY'],
    ['GOSSUM_POLICI', 'GOSSUM_POLICY'],
    ['GOSSUM_PLOICY', 'GOSSUM_POLICY'],
    ['gossum_policy', 'GOSSUM_POLICY'],
    ['GOSSUM_LOGS', 'GOSSUM_LOG'],
    ['GOSSUM_LOGLIST', 'GOSSUM_LOG_LIST'],
    ['GOSSUM_BOOTSTRAPS', 'GOSSUM_BOOTSTRAP'],
    ['GOSSUM_DISTRIBUTORS', 'GOSSUM_DISTRIBUTOR'],
    ['GOSSUM_NOED', 'GOSSUM_NODE'],
    ['GOSSUM_CONFG', 'GOSSUM_CONFIG'],
    // Variables that people use for other purposes, and settings that cannot be set by a variable.
    ['GOSSUM_VERSION', undefined],
    ['GOSSUM_IMAGE', undefined],
    ['GOSSUM_COLOUR', undefined],
    ['GOSSUM_RECOVER', undefined],
    ['GOSSUM_', undefined],
  ])('of %s is %s', (name, meant) => {
    expect(foreignVariables({ [name]: 'x' }, VARIABLES)).toEqual([{ name, meant }])
  })

  test('does not exist for our own variables, unrelated ones, and those that Kubernetes adds for a service', () => {
    const services = ['SERVICE_HOST', 'SERVICE_PORT_API', 'PORT', 'PORT_46787_TCP', 'PORT_46787_TCP_ADDR']
    const env = Object.fromEntries(
      [...VARIABLES, 'GOSUMDB', 'XGOSSUM_POLCY', ...services.map((name) => `GOSSUM_${name}`)].map((name) => [
        name,
        'x',
      ]),
    )
    expect(foreignVariables(env, VARIABLES)).toEqual([])
  })

  test('is the nearest of those that are similar', () => {
    expect(nearest('feeds', ['feed', 'feet'])).toBe('feed')
    expect(nearest('abc', ['xyz'])).toBeUndefined()
    expect(nearest('', ['a'])).toBeUndefined()
  })
})

describe('a file', () => {
  test.each([
    ['polcy: x', 'polcy', 'did you mean policy?'],
    ['quorum_wait: 3', 'quorum_wait', 'did you mean quorum-wait?'],
    ['sourceSpotter: x', 'sourceSpotter', 'did you mean source-spotter?'],
    ['colour: x', 'colour', 'see gossum run --help'],
  ])('with %s is refused', (yaml, name, hint) => {
    expect(() => loadConfig({}, { file: file('config.yaml', yaml), env: {} })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', detail: expect.stringContaining(`"${name}"`) as string, hint }),
    )
  })
})

const COMMANDS = [
  ['run', '--http', '127.0.0.1:0'],
  ['demo'],
  ['status', '--node', 'http://127.0.0.1:9'],
  ['heads'],
  ['peers'],
  ['evidence', 'list'],
  ['check', 'go.sum', '/dev/null'],
  ['verify', '/dev/null'],
  ['probe', 'http://127.0.0.1:9'],
  ['policy', 'check', 'public'],
  ['key', 'show'],
  ['config', 'show'],
  ['log', 'list'],
]

describe('every command', () => {
  test.each(COMMANDS)('refuses a misspelled variable before it does anything: %s %s %s', async (...command) => {
    const args = [...command.filter((word) => typeof word === 'string'), '--json']
    const result = await gossum(args, { env: { GOSSUM_POLCY: '/etc/gossum/policy' } })
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(result)).toEqual({
      code: 'CONFIG_INVALID',
      message: 'the configuration is not valid: there is no setting GOSSUM_POLCY',
      hint: 'did you mean GOSSUM_POLICY?',
    })
  })

  test('reports any other variable as ignored, even when quiet, and continues; help needs no valid variables', async () => {
    const other = await gossum(['policy', 'check', 'public', '--quiet'], { env: { GOSSUM_VERSION: '7' } })
    expect(other.code).toBe(0)
    expect(other.stderr).toBe('gossum: GOSSUM_VERSION is not a setting of this version, and is ignored\n')
    const help = await gossum(['status', '--help'], { env: { GOSSUM_POLCY: 'x' } })
    expect([help.code, help.stderr]).toEqual([0, ''])
  })
})
