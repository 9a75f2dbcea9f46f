import { expect, test } from 'vitest';
import { commandWords } from './command-words.ts';

test.each<[string, string[]]>([
  ['', []],
  ['   ', []],
  ['bash', ['bash']],
  ['  vim   notes.txt ', ['vim', 'notes.txt']],
  [`git commit -m "two words"`, ['git', 'commit', '-m', 'two words']],
  [`echo 'a\\b' "c\\"d" e\\ f`, ['echo', 'a\\b', 'c"d', 'e f']],
  [`x ""`, ['x', '']],
  [`a"b"'c'`, ['abc']],
  ['echo $HOME | cat; rm *', ['echo', '$HOME', '|', 'cat;', 'rm', '*']],
  ['end\\', ['end\\']],
])('%j becomes %j', (line, words) => {
  expect(commandWords(line)).toEqual({ kind: 'words', words });
});

test('an open quote is told, not guessed', () => {
  expect(commandWords(`echo "a`)).toEqual({ kind: 'unclosed-quote' });
});
