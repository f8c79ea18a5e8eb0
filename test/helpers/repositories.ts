/** Git repositories for tests: real ones, made with the real command, without this machine's configuration. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Files of a commit by name: their text, or the target of a link. */
export type CommittedFiles = Readonly<Record<string, string | { readonly linkTo: string }>>

export class MadeRepository {
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
    mkdirSync(dir, { recursive: true })
    this.git('init', '--quiet', '--initial-branch=main')
  }

  git(...args: readonly string[]): string {
    const settings = [
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@example.com',
      '-c',
      'core.autocrlf=false',
      '-c',
      'commit.gpgSign=false',
    ]
    const env = {
      PATH: process.env['PATH'],
      HOME: '/nonexistent',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_DATE: '2024-05-06T07:08:09Z',
      GIT_COMMITTER_DATE: '2024-05-06T07:08:09Z',
    }
    return execFileSync('git', [...settings, ...args], {
      cwd: this.dir,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  }

  /** Commits these files in addition to the existing ones, and tags the commit. Returns its id. */
  commit(files: CommittedFiles, ...tags: readonly string[]): string {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.dir, name)
      mkdirSync(dirname(path), { recursive: true })
      if (typeof content === 'string') writeFileSync(path, content)
      else symlinkSync(content.linkTo, path)
    }
    this.git('add', '--all', '--force')
    this.git('commit', '--quiet', '--message', 'a commit')
    for (const tag of tags) this.git('tag', tag)
    return this.git('rev-parse', 'HEAD')
  }
}
