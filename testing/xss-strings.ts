// Owns the texts that a page must show as what they are: attempts to become markup or script, each harmless but for a mark that it leaves
// (`cotgHit` on the window) where it runs.

const RUN = 'window.cotgHit=1';

/** What a parser of HTML might be led into by the text before. */
const PREFIXES = [
  '',
  '"',
  "'",
  '">',
  "'>",
  '`',
  '</title>',
  '</p>',
  '</textarea>',
  '-->',
  ']]>',
  '</script>',
  '\u2028',
  '\u0000',
  '&quot;>',
];

const BODIES = [
  `<script>${RUN}</script>`,
  `<SCRIPT SRC=data:text/javascript,${RUN}></SCRIPT>`,
  `<img src=x onerror="${RUN}">`,
  `<svg onload=${RUN}>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x dur=1s>`,
  `<iframe srcdoc="<script>parent.cotgHit=1</script>"></iframe>`,
  `<iframe src="javascript:parent.cotgHit=1"></iframe>`,
  `<details open ontoggle=${RUN}>x</details>`,
  `<video><source onerror="${RUN}"></video>`,
  `<body onload=${RUN}>`,
  `<input autofocus onfocus=${RUN}>`,
  `<a href="javascript:${RUN}">x</a>`,
  `<math><mtext><table><mglyph><style><img src=x onerror="${RUN}">`,
  `<template><img src=x onerror="${RUN}"></template>`,
  `<style>@import 'javascript:${RUN}';</style>`,
  `<meta http-equiv=refresh content="0;url=javascript:${RUN}">`,
  `<object data="data:text/html,<script>${RUN}</script>"></object>`,
  `<embed src="javascript:${RUN}">`,
  `<form action="javascript:${RUN}"><button>x</button></form>`,
  `<base href="javascript:/a/-${RUN}//">`,
  `<link rel=stylesheet href="data:text/css,*{display:none}">`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `&lt;img src=x onerror="${RUN}"&gt;`,
  `&#60;script&#62;${RUN}&#60;/script&#62;`,
  `\\u003cscript\\u003e${RUN}\\u003c/script\\u003e`,
  `%3Cscript%3E${RUN}%3C/script%3E`,
  `{{constructor.constructor('${RUN}')()}}`,
  `\${${RUN}}`,
  `javascript:${RUN}`,
  `<<script>${RUN}//<</script>`,
  `<scr<script>ipt>${RUN}</scr</script>ipt>`,
  `＜script＞${RUN}＜/script＞`,
  `<x onclick=${RUN} style="position:fixed;inset:0">x`,
];

/** More than 200, no two alike. */
export const XSS_STRINGS: readonly string[] = PREFIXES.flatMap((prefix) => BODIES.map((body) => prefix + body));
