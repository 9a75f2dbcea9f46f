// The bundler's: a style sheet has no values.
declare module '*.css';
