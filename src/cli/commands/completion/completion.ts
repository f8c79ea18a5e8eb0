/** `gossum completion`: a script by which a shell completes the command line of this version, without asking it. */
import { Argument, Command } from 'commander'
import { output, type OutputFlags } from '../../ui/output.js'
import { bashScript } from './bash-script.js'
import { wordsOf } from './command-words.js'
import { fishScript } from './fish-script.js'
import { zshScript } from './zsh-script.js'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript }
type Shell = keyof typeof SCRIPTS

/** `program`: makes the program with all that it has. */
export function command(program: () => Promise<Command>): Command {
  const shells = Object.keys(SCRIPTS)
  return new Command('completion')
    .description('print a script that has a shell complete commands, flags, values, error codes and paths')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText(
      'after',
      `
The script has all words in it: a press of the tab key starts no gossum. After an update of gossum write it again.

Examples:
  source <(gossum completion bash)      in this shell; in ~/.bashrc, in each
  gossum completion bash > ~/.local/share/bash-completion/completions/gossum
  gossum completion zsh > ~/.zfunc/_gossum
  gossum completion fish > ~/.config/fish/completions/gossum.fish

The second wants the package bash-completion, the third fpath+=(~/.zfunc) before compinit in ~/.zshrc.
bash is 4 or newer.
`,
    )
    .action(async (shell: Shell, _options: unknown, self: Command) => {
      const out = output(self.optsWithGlobals<OutputFlags>())
      const script = SCRIPTS[shell](wordsOf(await program()))
      if (out.isJson) out.json({ shell, script })
      else out.raw(script)
    })
}
