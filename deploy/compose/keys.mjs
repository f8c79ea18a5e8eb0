// Creates what the mesh of compose.yaml needs at its first start: a home with a key for each witness, a policy that counts
// them, and the settings of each. Existing keys are kept.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MESH = '/data'
const NEED = 3
/** The witnesses, and the face of the log that each one follows. */
const WITNESSES = { 'witness-1': 'left', 'witness-2': 'right', 'witness-3': 'left', 'witness-4': 'right' }
const LOG = 'http://log:46789'

const { log } = await (await fetch(`${LOG}/state`)).json()
const names = Object.keys(WITNESSES)
const gossum = (...args) => JSON.parse(execFileSync('gossum', [...args, '--json'], { encoding: 'utf8' }))

/** Returns the verifier key of a witness, and creates the key if there is none. */
function keyOf(name) {
  const home = join(MESH, name)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  if (!existsSync(join(home, 'witness.key'))) gossum('key', 'new', '--home', home, '--name', `${name}.example`)
  return gossum('key', 'show', '--home', home).witness
}

const keys = names.map(keyOf)
const shared = join(MESH, 'shared')
mkdirSync(shared, { recursive: true })
const policy = [
  ...names.map((name, i) => `witness ${name} ${keys[i]}`),
  `group all-of-us ${NEED} ${names.join(' ')}`,
  'quorum all-of-us',
]
writeFileSync(join(shared, 'policy'), `${policy.join('\n')}\n`)
for (const name of names) {
  const others = names.filter((other) => other !== name)
  const settings = [
    `log: "${log} ${LOG}/${WITNESSES[name]}"`,
    'policy: /mesh/policy',
    'poll: 2',
    'bootstrap:',
    ...others.map((other) => `  - /dns4/${other}/tcp/46786`),
  ]
  writeFileSync(join(shared, `${name}.yaml`), `${settings.join('\n')}\n`)
}
