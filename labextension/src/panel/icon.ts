import { LabIcon } from '@jupyterlab/ui-components';

/**
 * Three points on a rising line: versions of a model, each better than the one before.
 */
export const mlopsIcon = new LabIcon({
  name: 'mlops-jupyter:mlops',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path d="M20 20H5a1 1 0 0 1-1-1V4h1.700v14.300H20z"/>
    <path d="M8.900 16.600a2 2 0 1 1 1.500-3.300l1.400-.9a2 2 0 0 1 3.400-2.100l2.200-2.500a2 2 0 1 1 1.300 1.100l-2.300 2.700a2 2 0 0 1-3.700 2.200l-1.700 1.100a2 2 0 0 1-2.100 1.700z"/>
  </g>
</svg>`
});
