// Owns how a command typed into a field becomes an argument vector. Pure. Quotes and backslashes as people know them;
// nothing else of a shell: no variables, no pipes, no expansion.

export type CommandWords = { readonly kind: 'words'; readonly words: readonly string[] } | { readonly kind: 'unclosed-quote' };

export function commandWords(line: string): CommandWords {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  const characters = Array.from(line);
  for (let i = 0; i < characters.length; i += 1) {
    const character = characters[i] ?? '';
    if (character === '\\' && quote !== "'") {
      i += 1;
      word = (word ?? '') + (characters[i] ?? '\\');
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word = (word ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== undefined) return { kind: 'unclosed-quote' };
  if (word !== undefined) words.push(word);
  return { kind: 'words', words };
}
