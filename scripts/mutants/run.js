// npm run mutants [-- FOLDER or FILE ...]: changes the code of a folder in one place after another, and counts the
// changes that its own tests notice. Without arguments it takes all four folders; a file is given as `tlog/merkle`.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync } from 'node:fs'

/** Stryker's packages, a third of all: nobody else needs them, so the first run installs them into `INSTALLED`. */
const PACKAGES = 'scripts/mutants/packages'
const INSTALLED = 'build/mutants'
const FOLDERS = ['tlog', 'store', 'witness', 'evidence']
const NOTICED = ['Killed', 'Timeout']
const MISSED = ['Survived', 'NoCoverage']

/** Folders, each with its requested files; none for all of them. */
const asked = new Map()
for (const argument of process.argv.length > 2 ? process.argv.slice(2) : FOLDERS) {
  const [folder, file] = argument.split('/')
  asked.set(folder, [...(asked.get(folder) ?? []), ...(file === undefined ? [] : [file])])
}

/** Runs a command to its end; if it fails, so does this process. */
function run(command, args, env = process.env) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env })
  if (status !== 0) process.exit(status ?? 1)
}

const lockIn = (folder) => readFileSync(`${folder}/package-lock.json`, 'utf8')
// npm writes this file in the end.
const isThere = existsSync(`${INSTALLED}/node_modules/.package-lock.json`)
if (!isThere || lockIn(INSTALLED) !== lockIn(PACKAGES)) {
  cpSync(PACKAGES, INSTALLED, { recursive: true })
  run('npm', ['ci', '--prefix', INSTALLED, '--ignore-scripts', '--no-audit', '--no-fund'])
}

const rows = []
for (const [folder, files] of asked) {
  const only = files.length === 0 ? [] : ['--mutate', files.map((file) => `src/${folder}/${file}.ts`).join()]
  const args = ['run', 'scripts/mutants/stryker.config.js', ...only]
  run(`${INSTALLED}/node_modules/.bin/stryker`, args, { ...process.env, MUTANTS: folder })
  const report = JSON.parse(readFileSync(`reports/mutants-${folder}.json`, 'utf8'))
  const mutants = Object.values(report.files).flatMap((file) => file.mutants)
  const count = (statuses) => mutants.filter((mutant) => statuses.includes(mutant.status)).length
  const [noticed, missed] = [count(NOTICED), count(MISSED)]
  rows.push({
    folder,
    mutants: noticed + missed,
    noticed,
    score: `${((100 * noticed) / (noticed + missed)).toFixed(1)} %`,
  })
}
console.table(rows)
