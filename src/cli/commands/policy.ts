/** `gossum policy`: what a policy protects against. */
import { Command } from 'commander'
import type { WitnessView } from '../../status/shapes.js'
import { MAX_POLICY_BYTES, parsePolicy } from '../../tlog/policy.js'
import { PUBLIC, PUBLIC_POLICY, PUBLIC_POLICY_DATE } from '../../config/public-policy.js'
import { NodeClient } from '../node-client.js'
import type { CommonFlags } from '../common-flags.js'
import { EXIT } from '../exit.js'
import { readPolicyFile } from '../named-files.js'
import { output } from '../ui/output.js'
import { policyLines, policyReport } from '../ui/policy-text.js'

export function command(): Command {
  const policy = new Command('policy').description('policies: whose cosignatures count').addHelpText(
    'after',
    `
Examples:
  gossum policy check witnesses.policy
  gossum policy check witnesses.policy --node http://127.0.0.1:46787
`,
  )
  policy
    .command('check')
    .description('say what a policy protects against: how many lying and how many silent witnesses it tolerates')
    .argument('<FILE>', 'a policy (c2sp.org/tlog-policy); - is stdin, public is the built-in one')
    .option('--node <URL>', 'a running node that says which witnesses are silent, and which are convicted')
    .addHelpText(
      'after',
      `
Examples:
  gossum policy check witnesses.policy
  gossum policy check witnesses.policy --node http://127.0.0.1:46787
  gossum policy check witnesses.policy --json | jq .liars
  gossum policy check public                    who cosigns sum.golang.org in public, and how old that list is

Exit code 0 when the quorum can be reached, 4 when it cannot: by keys that can be verified or, with --node, by
witnesses that were heard in the last two hours and are not convicted. 2 for a malformed policy. Warnings do not
change it.
`,
    )
    .action(async (file: string, _options: unknown, self: Command) => {
      process.exitCode = await check(file, self.optsWithGlobals<CommonFlags>())
    })
  return policy
}

async function check(file: string, flags: CommonFlags): Promise<number> {
  const out = output(flags)
  const text = await readPolicyFile(file, MAX_POLICY_BYTES)
  const policy = parsePolicy(text)
  const views = flags.node === undefined ? undefined : await witnessesOf(flags.node)
  const isPublic = file === PUBLIC
  const report = policyReport(policy, views, Date.now(), isPublic ? PUBLIC_POLICY_DATE : undefined)
  out.json({ file, ...report, ...(isPublic && { text: PUBLIC_POLICY }) })
  policyLines(report, Date.now(), (style, text) => out.paint(style, text)).forEach((line) => out.line(line))
  if (isPublic) ['', ...PUBLIC_POLICY.trimEnd().split('\n')].forEach((line) => out.line(line))
  return report.reachable ? EXIT.fine : EXIT.undecided
}

async function witnessesOf(url: string): Promise<WitnessView[]> {
  const { value } = await new NodeClient(url).askJson<{ witnesses: WitnessView[] }>('/api/v1/witnesses', 'witnesses')
  return value.witnesses
}
