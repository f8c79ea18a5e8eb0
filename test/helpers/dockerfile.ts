/** Reads the Dockerfile instructions that ours uses; any other instruction is an error. */
import { readFileSync } from 'node:fs'

/** Steps that change files, in order. */
export type Step =
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'copy'; readonly from: string | undefined; readonly paths: readonly string[]; readonly to: string }
  | { readonly kind: 'workdir'; readonly path: string }

export interface Stage {
  readonly name: string
  readonly steps: readonly Step[]
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string
  /** `uid:gid`; root if absent. */
  readonly user: string | undefined
  readonly volumes: readonly string[]
  readonly exposed: readonly number[]
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  readonly healthcheck: readonly string[]
}

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer V)[] ? V[] : T[K] }

export function readDockerfile(path: string): Stage[] {
  const text = readFileSync(path, 'utf8').replaceAll(/^#.*\n/gm, '')
  const lines = text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const stages: Writable<Stage>[] = []
  for (const line of lines) {
    const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line)!
    if (word === 'ARG') continue
    if (word === 'FROM') {
      stages.push(emptyStage(/ AS (\w+)$/.exec(rest)?.[1] ?? ''))
      continue
    }
    instruct(stages.at(-1)!, word, rest)
  }
  return stages
}

function emptyStage(name: string): Writable<Stage> {
  const lists = { volumes: [], exposed: [], entrypoint: [], cmd: [], healthcheck: [] }
  return { name, steps: [], env: {}, workdir: '/', user: undefined, ...lists }
}

function instruct(stage: Writable<Stage>, word: string, rest: string): void {
  if (word === 'RUN') stage.steps.push({ kind: 'run', command: rest })
  else if (word === 'COPY') {
    const words = rest.split(/\s+/)
    const from = /^--from=(\w+)$/.exec(words[0]!)?.[1]
    const paths = words.slice(from === undefined ? 0 : 1)
    stage.steps.push({ kind: 'copy', from, paths: paths.slice(0, -1), to: paths.at(-1)! })
  } else if (word === 'WORKDIR') {
    stage.workdir = rest
    stage.steps.push({ kind: 'workdir', path: rest })
  } else if (word === 'ENV') {
    const pairs = rest.split(/\s+/).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])
    stage.env = { ...stage.env, ...(Object.fromEntries(pairs) as Record<string, string>) }
  } else if (word === 'USER') stage.user = rest
  else if (word === 'VOLUME') stage.volumes.push(rest)
  else if (word === 'EXPOSE') stage.exposed.push(...rest.split(/\s+/).map((port) => parseInt(port)))
  else if (word === 'ENTRYPOINT') stage.entrypoint = JSON.parse(rest) as string[]
  else if (word === 'CMD') stage.cmd = JSON.parse(rest) as string[]
  else if (word === 'HEALTHCHECK') stage.healthcheck = JSON.parse(/ CMD (.*)$/.exec(rest)![1]!) as string[]
  else if (word !== 'STOPSIGNAL') throw new Error(`unknown instruction ${word}`)
}
