// `cotg completion bash|zsh|fish`: what a shell completes, made from the very tree of commands that is parsed. Pure.
import type { Argument, Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** One command with its words, such as `devices revoke`; the program itself has none. */
interface Node {
  readonly path: readonly string[];
  readonly description: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionWords[];
  /** What its arguments may be, where only some words may. */
  readonly choices: readonly string[];
}

interface OptionWords {
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

const HELP: OptionWords = { flags: ['--help'], description: 'display help for command', takesValue: false, choices: [] };

export function completionScript(shell: Shell, program: Command): string {
  const nodes = nodesOf(program, []);
  if (shell === 'bash') return bash(nodes);
  return shell === 'zsh' ? zsh(nodes) : fish(nodes);
}

function nodesOf(command: Command, path: readonly string[]): Node[] {
  const node: Node = {
    path,
    description: command.description(),
    subcommands: command.commands.map((child) => ({ name: child.name(), description: child.description() })),
    options: [...command.options.map((option) => wordsOf(option)), HELP],
    choices: command.registeredArguments.flatMap((argument: Argument) => argument.argChoices ?? []),
  };
  return [node, ...command.commands.flatMap((child) => nodesOf(child, [...path, child.name()]))];
}

function wordsOf({ long, short, description, required, optional, argChoices }: Option): OptionWords {
  return {
    flags: [long, short].filter((flag) => flag !== undefined && flag !== null),
    description,
    takesValue: required || optional,
    choices: argChoices ?? [],
  };
}

/** The words before the one that is completed, as a command: `/devices/revoke`. */
const keyOf = ({ path }: Node): string => path.map((word) => `/${word}`).join('');
const wordsAfter = (node: Node): string[] => [
  ...node.subcommands.map(({ name }) => name),
  ...node.choices,
  ...node.options.flatMap(({ flags }) => flags),
];

/** Lines that bash and zsh share: which command it is, from the words before. `${words[i]}` is a word in both. */
function findPath(nodes: readonly Node[]): string[] {
  const known = nodes.map((node) => keyOf(node)).filter((key) => key !== '');
  return ['    case "$path/$word" in', '      */--) return ;;', `      ${known.join('|')}) path="$path/$word" ;;`, '    esac'];
}

/** What follows an option with a value: its choices, else a file. `complete` gives the line for these. */
function optionCases(nodes: readonly Node[], complete: (choices: readonly string[]) => string): string[] {
  const places = new Map<string, string[]>();
  for (const node of nodes) {
    for (const { flags, takesValue, choices } of node.options) {
      if (!takesValue) continue;
      const line = complete(choices);
      places.set(line, [...(places.get(line) ?? []), ...flags.map((flag) => `${keyOf(node)}:${flag}`)]);
    }
  }
  return [...places].map(([line, at]) => `    ${at.join('|')}) ${line}; return ;;`);
}

function bash(nodes: readonly Node[]): string {
  return lines(
    '# bash completion for cotg: put `source <(cotg completion bash)` into ~/.bashrc.',
    '_cotg() {',
    '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" path="" word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    ...findPath(nodes),
    '  done',
    '  case "$path:$prev" in',
    ...optionCases(nodes, (choices) =>
      choices.length > 0 ? `COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$cur"))` : 'COMPREPLY=($(compgen -f -- "$cur"))',
    ),
    '  esac',
    '  case "$path" in',
    ...nodes.map((node) => `    ${keyOf(node) || '""'}) COMPREPLY=($(compgen -W "${wordsAfter(node).join(' ')}" -- "$cur")) ;;`),
    '  esac',
    '}',
    'complete -o default -F _cotg cotg ./cotg',
  );
}

function zsh(nodes: readonly Node[]): string {
  const described = (node: Node): string[] => [
    ...node.subcommands.map(({ name, description }) => zshWord(name, description)),
    ...node.choices.map((choice) => zshWord(choice, '')),
    ...node.options.flatMap(({ flags, description }) => flags.map((flag) => zshWord(flag, description))),
  ];
  return lines(
    '#compdef cotg',
    '# zsh completion for cotg: put `source <(cotg completion zsh)` into ~/.zshrc, behind compinit.',
    '_cotg() {',
    '  local prev="${words[CURRENT-1]}" path_="" word',
    '  local -a found',
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    // In zsh `path` is the search path of programs.
    ...findPath(nodes).map((line) => line.replaceAll('$path', '$path_').replaceAll('path="', 'path_="')),
    '  done',
    '  case "$path_:$prev" in',
    ...optionCases(nodes, (choices) => (choices.length > 0 ? `compadd -- ${choices.join(' ')}` : '_files')),
    '  esac',
    '  case "$path_" in',
    ...nodes.map((node) => `    ${keyOf(node) || '""'}) found=(${described(node).join(' ')}) ;;`),
    '  esac',
    "  _describe 'cotg' found || _files",
    '}',
    'if [ "$funcstack[1]" = "_cotg" ]; then _cotg "$@"; else compdef _cotg cotg ./cotg; fi',
  );
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const zshWord = (word: string, description: string): string =>
  quoted(`${word}${description === '' ? '' : `:${description.replaceAll(':', '\\:')}`}`);

function fish(nodes: readonly Node[]): string {
  const out = [
    '# fish completion for cotg: cotg completion fish > ~/.config/fish/completions/cotg.fish',
    '# The command so far: its words that are commands, such as /devices/revoke.',
    'function __cotg_at',
    '  set -l path ""',
    '  for word in (commandline -opc)[2..-1]',
    '    switch "$path/$word"',
    `      case ${nodes
      .map((node) => keyOf(node))
      .filter((key) => key !== '')
      .map((key) => quoted(key))
      .join(' ')}`,
    '        set path "$path/$word"',
    '    end',
    '  end',
    '  test "$path" = "$argv[1]"',
    'end',
  ];
  for (const node of nodes) {
    const condition = `-n ${fishText(`__cotg_at '${keyOf(node)}'`)}`;
    for (const { name, description } of node.subcommands)
      out.push(`complete -c cotg -f ${condition} -a ${name} -d ${fishText(description)}`);
    for (const choice of node.choices) out.push(`complete -c cotg -f ${condition} -a ${choice}`);
    for (const { flags, description, takesValue, choices } of node.options) {
      const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');
      const value = takesValue ? (choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : ' -r') : '';
      out.push(`complete -c cotg ${condition} ${names}${value} -d ${fishText(description)}`);
    }
  }
  return lines(...out);
}

/** In fish a backslash acts inside single quotes, too. */
const fishText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function lines(...all: readonly string[]): string {
  return all.join('\n');
}
