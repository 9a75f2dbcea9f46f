// Entry of the page: mounts the app. Nothing else starts here.
import { render } from 'solid-js/web';
import { App } from './app.tsx';

const root = document.getElementById('app');
if (!root) throw new Error('The page has no element #app.');
render(() => <App />, root);
