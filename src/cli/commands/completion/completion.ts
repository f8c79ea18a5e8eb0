/**
 * `gossum completion`: prints a script with which a shell completes the command line of this version without running
 * it.
 */
import { Argument, Command } from 'commander'
import { output, type OutputFlags } from '../../ui/output.js'
import { bashScript } from './bash-script.js'
import { wordsOf } from './command-words.js'
import { fishScript } from './fish-script.js'
import { zshScript } from './zsh-script.js'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript }
type Shell = keyof typeof SCRIPTS

/** `program` builds the program with all its commands. */
export function command(program: () => Promise<Command>): Command {
  const shells = Object.keys(SCRIPTS)
  return new Command('completion')
    .description('print a script with which a shell completes commands, flags, values, error codes and paths')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText(
      'after',
      `
The script contains all words: completion does not start gossum. Write the script again after an update of gossum.

Examples:
  source <(gossum completion bash)      in this shell; in ~/.bashrc, in each
  gossum completion bash > ~/.local/share/bash-completion/completions/gossum
  gossum completion zsh > ~/.zfunc/_gossum
  gossum completion fish > ~/.config/fish/completions/gossum.fish

The second needs the package bash-completion, the third fpath+=(~/.zfunc) before compinit in ~/.zshrc.
bash must be 4 or newer.
`,
    )
    .action(async (shell: Shell, _options: unknown, self: Command) => {
      const out = output(self.optsWithGlobals<OutputFlags>())
      const script = SCRIPTS[shell](wordsOf(await program()))
      if (out.isJson) out.json({ shell, script })
      else out.raw(script)
    })
}
