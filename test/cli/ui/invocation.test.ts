/** Commands that can be pasted, and what the demo takes from the operator's environment. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { demoEnv } from '../../../src/cli/commands/demo/child.js'
import { pasteable } from '../../../src/cli/ui/invocation.js'
import { scratchFolder } from '../../helpers/home.js'

const { dir } = scratchFolder()

describe('a command', () => {
  const bin = join(dir, 'bin')
  const program = join(dir, 'lib', "it's here", 'main.js')
  mkdirSync(bin)
  mkdirSync(join(program, '..'), { recursive: true })
  writeFileSync(program, '')
  const node = join(bin, 'node')
  writeFileSync(node, '')
  chmodSync(node, 0o755)
  const args = ['verify', '--log', 'a.example+1a2b3c4d+Ab/+=', 'a file.json']
  const shown = "verify --log a.example+1a2b3c4d+Ab/+= 'a file.json'"

  it('runs the file with node if the PATH does not lead to it', () => {
    const file = `'${program.replace("'", "'\\''")}'`
    expect(pasteable(args, { env: { PATH: bin }, node, program })).toBe(`node ${file} ${shown}`)
    expect(pasteable(args, { env: { PATH: '/nowhere' }, node, program })).toBe(`${node} ${file} ${shown}`)
  })

  it('uses the name if the PATH leads to the program, and npx under npx', () => {
    symlinkSync(program, join(bin, 'gossum'))
    expect(pasteable(args, { env: { PATH: bin }, node, program })).toBe(`gossum ${shown}`)
    expect(pasteable(args, { env: { PATH: '', npm_command: 'exec' }, node, program })).toBe(`npx gossum ${shown}`)
    // What npm adds is not on the user's own PATH.
    const ours = join(dir, 'node_modules', '.bin')
    mkdirSync(ours, { recursive: true })
    symlinkSync(program, join(ours, 'gossum'))
    expect(pasteable(['x'], { env: { PATH: ours }, node, program })).not.toMatch(/^gossum /)
  })
})

it('the demo gets no settings of the operator, and no proxy', () => {
  const env = {
    PATH: '/bin',
    HOME: '/x',
    GOSSUM_FEED: 'http://x',
    GOSSUM_HOME: '/y',
    HTTP_PROXY: 'p',
    https_proxy: 'q',
  }
  expect(demoEnv(env)).toEqual({ PATH: '/bin', HOME: '/x', GOSSUM_CONFIG: '' })
})
